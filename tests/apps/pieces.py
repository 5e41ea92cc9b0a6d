"""Answers in pieces, with something between the first two."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_released = threading.Event()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """`/computing` and `/waiting` go on when `/release` is asked for; `/many` has a thousand
    pieces, and `/sized` says how long its two are."""
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain")]
    if path == "/sized":
        start_response("200 OK", [*headers, ("Content-Length", "11")])
        yield b"first"
        yield b"second"
        return
    start_response("200 OK", headers)
    if path == "/many":
        for number in range(1000):
            yield b"%d\n" % number
        return
    if path == "/release":
        _released.set()
        yield b"released"
        return
    _released.clear()
    yield b"first"
    if path == "/waiting":
        assert _released.wait(5)
    else:
        end = time.monotonic() + 5
        while not _released.is_set():
            assert time.monotonic() < end
    yield b"second"
