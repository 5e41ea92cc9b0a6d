"""What the fixture apps share: short ways to answer, and the validator around them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING
from wsgiref.validate import validator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BARE = "/bare"


def text(
    start_response: StartResponse,
    body: str | bytes,
    status: str = "200 OK",
    *headers: tuple[str, str],
) -> list[bytes]:
    """Answers with a text and its length."""
    data = body.encode() if isinstance(body, str) else body
    start_response(
        status,
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(data))),
            *headers,
        ],
    )
    return [data]


def as_json(start_response: StartResponse, value: object) -> list[bytes]:
    """Answers with a value as JSON."""
    data = json.dumps(value).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    )
    return [data]


def validated(app: WSGIApplication) -> WSGIApplication:
    """Puts `wsgiref.validate` around an app, except under `/bare`.

    The validator hides from the server what an app returns (a list looks like an iterator)
    and forbids some of what real apps do and PEP 3333 allows, such as `read()` without a size.
    """
    checked = validator(app)

    def choose(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(f"{BARE}/"):
            environ["SCRIPT_NAME"] = BARE
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(BARE)
            return app(environ, start_response)
        return checked(environ, start_response)

    return choose
