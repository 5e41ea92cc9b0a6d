"""The app of the wire corpus: answers with the request as it saw it, and counts its calls."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_calls = itertools.count()


def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Gives the number of calls since the last time under `/calls`, and an echo elsewhere."""
    global _calls
    if environ["PATH_INFO"] == "/calls":
        seen, _calls = next(_calls), itertools.count()
        return answers.text(start_response, str(seen))
    next(_calls)
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return answers.as_json(
        start_response,
        {
            "method": environ["REQUEST_METHOD"],
            "target": environ["RAW_URI"],
            "path": environ["PATH_INFO"],
            "query": environ["QUERY_STRING"],
            "version": environ["SERVER_PROTOCOL"],
            "content_length": environ.get("CONTENT_LENGTH"),
            "content_type": environ.get("CONTENT_TYPE"),
            "fields": {key: value for key, value in environ.items() if key.startswith("HTTP_")},
            "body": environ["wsgi.input"].read(length).decode("latin-1"),
        },
    )


app = answers.validated(serve)
