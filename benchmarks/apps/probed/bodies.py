"""Reads request bodies in the ways in which applications do, and remembers what came of it.

A client that has gone gets no answer; `/calls` then tells what the application was given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .json_answer import answer_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_calls: list[str] = []  # the bodies of `/upload`, or why there was none


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads the body as frameworks do: to its length, or to its end where that is promised."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    is_chunked = "HTTP_TRANSFER_ENCODING" in environ or environ.get("wsgi.input_terminated")
    try:
        body = stream.read(int(length)) if length else stream.read() if is_chunked else b""
    except Exception as error:
        _calls.append(f"failed: {error!r}")
        raise
    _calls.append(body.decode("latin-1"))
    return answer_json(start_response, _echo(environ, body))


def read_all(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads the body without saying how much."""
    return answer_json(start_response, _echo(environ, environ["wsgi.input"].read()))


def read_length(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads as much as `CONTENT_LENGTH` says, as CGI programs do."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return answer_json(start_response, _echo(environ, environ["wsgi.input"].read(length)))


def calls(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What `/upload` was given since this was asked last."""
    told, _calls[:] = list(_calls), []
    return answer_json(start_response, told)


def _echo(environ: WSGIEnvironment, body: bytes) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if isinstance(value, str)}
    return kept | {"body": body.decode("latin-1")}


VIEWS: dict[str, WSGIApplication] = {
    "/upload": upload,
    "/read-all": read_all,
    "/read-length": read_length,
    "/calls": calls,
}
