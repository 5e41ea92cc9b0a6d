"""Answers with the environ it was called with."""

from __future__ import annotations

from typing import TYPE_CHECKING
from wsgiref.validate import validator

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def show(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Gives each key's type and value; of objects, the type only."""
    plain = (str, int, bool, tuple)
    return answers.as_json(
        start_response,
        {
            "type": type(environ).__name__,
            "keys": sorted({type(key).__name__ for key in environ}),
            "types": {key: type(value).__name__ for key, value in environ.items()},
            "values": {key: value for key, value in environ.items() if isinstance(value, plain)},
        },
    )


app = validator(show)
