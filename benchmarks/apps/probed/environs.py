"""Tells what the application is told."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .json_answer import answer_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Deliberately not: all variables. Gunicorn puts its own name into the process's, and that is fine.
_INHERITED = {"HOME", "PATH", "PYTHONPATH"}


def environ_texts(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Every text of the environ."""
    return answer_json(start_response, {k: v for k, v in environ.items() if isinstance(v, str)})


def own_variables(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The variables of the process that stand in the environ, of those that every process has."""
    return answer_json(start_response, sorted(_INHERITED & os.environ.keys() & environ.keys()))


VIEWS: dict[str, WSGIApplication] = {
    "/environ": environ_texts,
    "/own-variables": own_variables,
}
