"""Answers of every kind that PEP 3333 allows, and of some that it does not."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MEBIBYTE = 1024 * 1024
_TEXT = ("Content-Type", "text/plain")


def fine(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers `fine`; whatever body there is stays unread."""
    start_response("200 OK", [_TEXT, ("Content-Length", "4")])
    return [b"fine"]


def pieces(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Two pieces, without a length."""
    start_response("200 OK", [_TEXT])
    yield b"first"
    yield b"second"


def pausing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Two pieces, with two seconds between them."""
    start_response("200 OK", [_TEXT])
    yield b"first"
    time.sleep(2)
    yield b"second"


def fails_later(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Fails after two pieces."""
    start_response("200 OK", [_TEXT])
    yield b"first"
    yield b"second"
    raise ValueError("after two pieces")


def too_long(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Announces 4 bytes and gives 8."""
    start_response("200 OK", [_TEXT, ("Content-Length", "4")])
    return [b"fine", b"more"]


def too_short(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Announces 10 bytes and gives 4."""
    start_response("200 OK", [_TEXT, ("Content-Length", "10")])
    return [b"fine"]


def line_break(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Has a line break in a header's value, as if it had passed on what it was given."""
    headers = [_TEXT, ("X-Name", "a\r\nX-Evil: yes"), ("Content-Length", "4")]
    start_response("200 OK", headers)
    return [b"fine"]


def own_coding(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Says that its body is chunked, which PEP 3333 forbids, and gives a plain one."""
    start_response("200 OK", [_TEXT, ("Transfer-Encoding", "chunked")])
    return [b"first", b"second"]


def no_content(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A 204 with a body, which it can not have."""
    start_response("204 No Content", [])
    return [b"surplus"]


def file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """64 MiB of a file, through the server's `wsgi.file_wrapper` if it has one."""
    opened = tempfile.TemporaryFile()  # noqa: SIM115 (the wrapper closes it)
    opened.truncate(64 * MEBIBYTE)
    start_response("200 OK", [_TEXT, ("Content-Length", str(64 * MEBIBYTE))])
    wrap = environ.get("wsgi.file_wrapper")
    return wrap(opened, 65_536) if wrap else iter(lambda: opened.read(65_536), b"")


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """One MiB in one piece."""
    start_response("200 OK", [_TEXT, ("Content-Length", str(MEBIBYTE))])
    return [b"x" * MEBIBYTE]


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """128 MiB in pieces of 64 KiB."""
    start_response("200 OK", [_TEXT, ("Content-Length", str(128 * MEBIBYTE))])
    for _ in range(128 * 16):
        yield b"x" * 65_536


def reason(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The reason phrase that Mercurial's client looks for, and names in two cases."""
    headers = [_TEXT, ("x-amz-meta-k", "v"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    start_response("200 Script output follows", [*headers, ("Content-Length", "4")])
    return [b"fine"]


def writes(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Gives the first half by `write`."""
    write = start_response("200 OK", [_TEXT])
    write(b"written ")
    return [b"returned"]


def starts_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Calls `start_response` when it is asked for the first piece."""
    start_response("201 Created", [_TEXT, ("X-Late", "yes")])
    yield b"late"


def changes_its_mind(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Replaces its head by that of an error, before any output."""
    start_response("200 OK", [_TEXT, ("X-First", "yes")])
    try:
        raise ValueError("before any output")
    except ValueError:
        start_response("503 Not Now", [_TEXT], sys.exc_info())
    return [b"sorry"]


def is_too_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Wants to replace its head when a part of the body is out."""
    start_response("200 OK", [_TEXT])
    yield b"first"
    try:
        raise ValueError("after output")
    except ValueError:
        start_response("503 Not Now", [_TEXT], sys.exc_info())
    yield b"sorry"


def never_starts(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Forgets to call `start_response`."""
    return [b"fine"]


VIEWS: dict[str, WSGIApplication] = {
    "/fine": fine,
    "/pieces": pieces,
    "/pausing": pausing,
    "/fails-later": fails_later,
    "/too-long": too_long,
    "/too-short": too_short,
    "/line-break": line_break,
    "/own-coding": own_coding,
    "/no-content": no_content,
    "/file": file,
    "/page": page,
    "/stream": stream,
    "/reason": reason,
    "/writes": writes,
    "/starts-late": starts_late,
    "/changes-its-mind": changes_its_mind,
    "/is-too-late": is_too_late,
    "/never-starts": never_starts,
}
