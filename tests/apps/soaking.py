"""What the soak sends its requests to: each page is one way of answering, at little cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/streamed":
        return streamed(start_response)
    if environ["PATH_INFO"] == "/broken":
        return broken(start_response)
    if environ["PATH_INFO"] == "/raises":
        raise ValueError("as asked")
    data = environ["wsgi.input"].read()
    answer = b"%d" % len(data)
    start_response("200 OK", [*PLAIN, ("Content-Length", str(len(answer)))])
    return [answer]


def streamed(start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    for _ in range(4):
        yield b"x" * 1000


def broken(start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    yield b"x" * 1000
    raise ValueError("as asked, in the middle")
