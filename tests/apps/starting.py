"""The ways to call `start_response` and `write`, one per path."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]


def start(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return PAGES[environ["PATH_INFO"]](environ, start_response)


def replaced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Has started, fails before any output, and starts anew with the error."""
    start_response("200 OK", [*PLAIN, ("Content-Length", "1000"), ("X-Old", "yes")])
    try:
        raise LookupError("no such thing")
    except LookupError:
        start_response("404 Gone Fishing", [*PLAIN, ("X-New", "yes")], sys.exc_info())
    return [b"not here"]


def replaced_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Starts anew with the error after output has been sent: the server must raise it again."""
    start_response("200 OK", PLAIN)
    yield b"sent already"
    try:
        raise LookupError("too late")
    except LookupError:
        start_response("500 Oops", PLAIN, sys.exc_info())
    yield b"never sent"


def replaced_after_write(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)(b"sent already")
    try:
        raise LookupError("too late")
    except LookupError:
        start_response("500 Oops", PLAIN, sys.exc_info())
    return [b"never sent"]


def replaced_in_generator(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterator[bytes]:
    """Only empty strings have gone out, so nothing has been sent: may still start anew."""
    start_response("200 OK", PLAIN)
    yield b""
    try:
        raise LookupError("in time")
    except LookupError:
        start_response("503 Later", PLAIN, sys.exc_info())
    yield b"come back"


def twice(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    start_response("201 Created", PLAIN)
    return [b"never sent"]


def never(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return [b"never sent"]


def never_and_empty(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return []


def started_then_raised(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    raise RuntimeError("before any output")


def written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", PLAIN)
    write(b"one ")
    write(b"")
    write(b"two")
    return []


def written_and_returned(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    write = start_response("200 OK", [*PLAIN, ("Content-Length", "13")])
    write(b"one ")
    return [b"two ", b"three"]


def written_too_much(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [*PLAIN, ("Content-Length", "4")])
    write(b"four")
    write(b" and more")
    return [b" and more"]


def written_wrongly(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", PLAIN)
    write("a str")  # type: ignore[arg-type]
    return []


def lazy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """A generator: nothing of it runs before the first `next`."""
    start_response("202 Accepted Lazily", [*PLAIN, ("X-Lazy", "yes")])
    yield b"made "
    yield b"late"


def lazy_and_empty(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("202 Accepted Lazily", [*PLAIN, ("X-Lazy", "yes")])
    yield from ()


def reason(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answers.text(start_response, "hg", "200 Script output follows")


def headers(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answers.text(
        start_response,
        "x",
        "200 OK",
        ("x-amz-meta-lower", "a"),
        ("X-MiXeD-CaSe", "b"),
        ("Set-Cookie", "one=1"),
        ("Set-Cookie", "two=2"),
        ("X-Latin", "caf\xe9"),
        ("X-Empty", ""),
    )


def own_date(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answers.text(
        start_response,
        "x",
        "200 OK",
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Server", "its own/1.0"),
    )


def too_long(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*PLAIN, ("Content-Length", "4")])
    return iter([b"fo", b"ur and", b" more"])


def too_short(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*PLAIN, ("Content-Length", "10")])
    return iter([b"four"])


def broken_head(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Gives `start_response` what it must refuse; the query says what."""
    status, fields = BROKEN_HEADS[environ["QUERY_STRING"]]
    start_response(status, fields)  # type: ignore[arg-type]
    return [b"never sent"]


BROKEN_HEADS: dict[str, tuple[object, object]] = {
    "status-without-space": ("200OK", [*PLAIN]),
    "status-empty": ("", [*PLAIN]),
    "status-not-a-number": ("OK 200", [*PLAIN]),
    "status-bytes": (b"200 OK", [*PLAIN]),
    "status-int": (200, [*PLAIN]),
    "status-interim": ("100 Continue", [*PLAIN]),
    "status-with-line-break": ("200 OK\r\nX-Evil: 1", [*PLAIN]),
    "name-with-line-break": ("200 OK", [("X-A\r\nX-Evil", "1")]),
    "name-with-space": ("200 OK", [("X A", "1")]),
    "name-empty": ("200 OK", [("", "1")]),
    "name-bytes": ("200 OK", [(b"X-A", "1")]),
    "value-with-line-break": ("200 OK", [("X-A", "1\r\nX-Evil: 1")]),
    "value-with-lf": ("200 OK", [("X-A", "1\nX-Evil: 1")]),
    "value-with-nul": ("200 OK", [("X-A", "1\0")]),
    "value-bytes": ("200 OK", [("X-A", b"1")]),
    "value-int": ("200 OK", [("X-A", 1)]),
    "value-beyond-latin-1": ("200 OK", [("X-A", "\u20ac")]),
    "length-not-a-number": ("200 OK", [("Content-Length", "ten")]),
    "length-negative": ("200 OK", [("Content-Length", "-1")]),
    "length-twice": ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
    "hop-by-hop": ("200 OK", [*PLAIN, ("Transfer-Encoding", "chunked")]),
    "headers-not-pairs": ("200 OK", ["X-A"]),
    "headers-none": ("200 OK", None),
}

_kept: list[StartResponse] = []


def kept(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Keeps what the first request was given, and says what becomes of it in later ones."""
    if not _kept:
        _kept.append(start_response)
        return answers.text(start_response, "kept")
    try:
        _kept[0]("500 Not Mine", PLAIN)
    except RuntimeError as error:
        return answers.text(start_response, str(error))
    return answers.text(start_response, "taken")


PAGES: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    f"/{page.__name__}": page
    for page in (
        kept,
        replaced,
        replaced_late,
        replaced_after_write,
        replaced_in_generator,
        twice,
        never,
        never_and_empty,
        started_then_raised,
        written,
        written_and_returned,
        written_too_much,
        written_wrongly,
        lazy,
        lazy_and_empty,
        reason,
        headers,
        own_date,
        too_long,
        too_short,
        broken_head,
    )
}

app = answers.validated(start)
