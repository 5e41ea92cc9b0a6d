"""Reads `wsgi.input` as the header `X-Reads` says, and answers with what each step gave.

The steps are separated by `;`: `read`, `read N`, `readline`, `readline N`, `readlines`,
`readlines N`, `next` (of the iterator), `iterate` (until its end).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIEnvironment


def read(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    steps = environ["HTTP_X_READS"].split(";")
    results = [_step(environ["wsgi.input"], *step.split()) for step in steps]
    return answers.as_json(start_response, results)


def _step(stream: InputStream, name: str, *arguments: str) -> object:
    if name == "next":
        return next(iter(stream), b"").decode("latin-1")
    if name == "iterate":
        return [line.decode("latin-1") for line in stream]
    method: Callable[..., bytes | list[bytes]] = getattr(stream, name)
    result = method(*map(int, arguments))
    if isinstance(result, bytes):
        return result.decode("latin-1")
    return [line.decode("latin-1") for line in result]


app = answers.validated(read)
