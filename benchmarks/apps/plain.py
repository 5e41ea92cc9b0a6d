"""The WSGI applications that every server serves, without a framework.

Each is a callable of its own, so no load pays for routing. The lists are made anew for each
request, as applications do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# How many steps of `compute` take a millisecond on this machine; the same for all servers.
STEPS_PER_MILLISECOND = int(os.environ.get("BENCHMARK_STEPS_PER_MILLISECOND", "10000"))
_TEN_KIB = b"x" * 10_240
_PIECE = b"y" * 1_024


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers 13 bytes."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world!"]


def ten_kib(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers 10 KiB in one piece."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "10240")])
    return [_TEN_KIB]


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads the whole body, and answers its length and its two ends."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    answer = b"%d %b %b" % (len(body), body[:4], body[-4:])
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]


def streamed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Answers ten pieces of 1 KiB, without a `Content-Length`; `/pausing` waits after the first."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield _PIECE
    if environ["PATH_INFO"] == "/pausing":
        time.sleep(0.3)
    for _ in range(9):
        yield _PIECE


def sleeping(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Waits 10 ms, as for a database, then answers 13 bytes."""
    time.sleep(0.010)
    return hello(environ, start_response)


def sometimes_sleeping(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Waits 50 ms if the path is `/slow`, then answers 13 bytes."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.050)
    return hello(environ, start_response)


def computing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Computes 2 ms in Python, then answers 13 bytes."""
    compute(2 * STEPS_PER_MILLISECOND)
    return hello(environ, start_response)


def sometimes_computing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Computes 20 ms in Python if the path is `/slow`, then answers 13 bytes."""
    if environ["PATH_INFO"] == "/slow":
        compute(20 * STEPS_PER_MILLISECOND)
    return hello(environ, start_response)


def compute(steps: int) -> int:
    """Keeps the interpreter busy without letting go of the GIL by itself."""
    total = 0
    for step in range(steps):
        total = (total + step * step) % 1_000_003
    return total
