"""Hangs in each way there is, as the path says; all else is answered with the process's id.

A number in the query is a time in seconds.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_never = threading.Lock()
_never.acquire()


def _compute(seconds: float = 3600.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(100))


def _ignore_all() -> None:
    while True:
        with suppress(BaseException):
            _compute()


def _wait_in_c() -> None:
    reader, _ = os.pipe()
    ctypes.CDLL(None).read(reader, ctypes.create_string_buffer(1), 1)


def _keep_interpreter(seconds: float) -> None:
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


def _pieces(pause: float, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"piece"
        time.sleep(pause)


class _Closing:
    """A body whose `close` hangs."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"whole"])

    def close(self) -> None:
        """Does not return."""
        _compute()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Hangs before it answers, unless it is `/pieces`, `/half` or `/close`."""
    path, seconds = environ["PATH_INFO"], float(environ["QUERY_STRING"] or 3600)
    match path:
        case "/sleep":
            time.sleep(seconds)
        case "/loop":
            _compute(seconds)
        case "/lock":
            _never.acquire()
        case "/c":
            _wait_in_c()
        case "/interpreter":
            _keep_interpreter(seconds)
        case "/ignore":
            _ignore_all()
    headers = [("Content-Type", "text/plain")]
    start_response("200 OK", headers)
    if path == "/pieces":
        return _pieces(seconds, 4)
    if path == "/half":
        return _pieces(seconds, 2)
    if path == "/close":
        return _Closing()
    return [str(os.getpid()).encode()]
