"""Opens every file that it may, keeps them, and gives them back when it is asked to."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_hoard: list[int] = []


def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return PAGES.get(environ["PATH_INFO"], hello)(environ, start_response)


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answers.text(start_response, "hello")


def length(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    lines = iter(environ["wsgi.input"].readline, b"")
    return answers.text(start_response, str(sum(map(len, lines))))


def a_file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Needs a descriptor of its own."""
    with tempfile.TemporaryFile() as file:
        file.write(b"kept")
        file.seek(0)
        return answers.text(start_response, file.read())


def take(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    # The server itself opens a file now and then, and closes it at once.
    for _ in range(20):
        with suppress(OSError):
            while True:
                _hoard.append(os.open(os.devnull, os.O_RDONLY))
        time.sleep(0.002)
    return answers.text(start_response, str(len(_hoard)))


def leave(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    while _hoard:
        os.close(_hoard.pop())
    return answers.text(start_response, "left")


PAGES: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    "/length": length,
    "/a-file": a_file,
    "/take": take,
    "/leave": leave,
}

app = answers.validated(serve)
