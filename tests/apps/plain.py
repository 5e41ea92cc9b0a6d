"""The app of the HTTP/1 tests: echoes, sleeps, streams and counts."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]
LINES = [f"line {number}\n".encode() for number in range(5)]
_calls: Counter[str] = Counter()
_gate = threading.Event()
_lock = threading.Lock()


def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    with _lock:
        _calls[environ["PATH_INFO"]] += 1
    page = PAGES.get(environ["PATH_INFO"], hello)
    return page(environ, start_response)


def _query(environ: WSGIEnvironment, name: str, default: str) -> str:
    query: str = environ["QUERY_STRING"]
    return parse_qs(query).get(name, [default])[0]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answers.text(start_response, environ["PATH_INFO"])


def calls(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """How often `?path=` has been called."""
    with _lock:
        return answers.text(start_response, str(_calls[_query(environ, "path", "/")]))


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    return answers.text(start_response, body, "200 OK", ("X-Length", str(length)))


def digest(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The SHA-256 of the body, read in pieces."""
    total, sha = 0, hashlib.sha256()
    while piece := environ["wsgi.input"].read(65536):
        total += len(piece)
        sha.update(piece)
    return answers.text(start_response, f"{total} {sha.hexdigest()}")


def ignore(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers without looking at the body."""
    return answers.text(start_response, "ignored")


def status(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers with the status of the query, and a body that a 204 or a 304 must not have."""
    line = _query(environ, "line", "204 No Content")
    headers = [] if line.startswith(("204", "304")) else PLAIN
    start_response(line, [*headers, ("X-Here", "yes")])
    return [b"some body"]


def not_modified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """As a cache wants it: the length of what would have been sent."""
    start_response("304 Not Modified", [("ETag", '"a"'), ("Content-Length", "1000")])
    return []


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    yield from LINES


def sized(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [*PLAIN, ("Content-Length", str(sum(map(len, LINES))))])
    yield from LINES


def close(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answers.text(start_response, "bye", "200 OK", ("Connection", "close"))


def large(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """`size` bytes in pieces; `length=1` announces them."""
    size = int(_query(environ, "size", "1000"))
    headers = [("Content-Length", str(size))] if _query(environ, "length", "") else []
    start_response("200 OK", [*PLAIN, *headers])
    piece = bytes(range(256)) * 256
    for start in range(0, size, len(piece)):
        yield piece[: size - start]


def block(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """`size` bytes in one piece."""
    size = int(_query(environ, "size", "1000"))
    return answers.text(start_response, (bytes(range(256)) * (size // 256 + 1))[:size])


def sleep(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    time.sleep(float(_query(environ, "seconds", "1")))
    return answers.text(start_response, "slept")


def wait(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Returns once `/open` has been called."""
    is_open = _gate.wait(8.0)
    return answers.text(start_response, "open" if is_open else "never opened")


def wait_in_stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Gives a piece at once and the next one once `/open` has been called."""
    start_response("200 OK", PLAIN)
    yield b"first"
    yield b"second" if _gate.wait(8.0) else b"never opened"


def open_gate(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    _gate.set()
    return answers.text(start_response, "opened")


def shut_gate(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    _gate.clear()
    return answers.text(start_response, "shut")


PAGES: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    "/calls": calls,
    "/echo": echo,
    "/digest": digest,
    "/ignore": ignore,
    "/status": status,
    "/not-modified": not_modified,
    "/stream": stream,
    "/sized": sized,
    "/close": close,
    "/large": large,
    "/block": block,
    "/sleep": sleep,
    "/wait": wait,
    "/wait-in-stream": wait_in_stream,
    "/open": open_gate,
    "/shut": shut_gate,
}

app = answers.validated(serve)
