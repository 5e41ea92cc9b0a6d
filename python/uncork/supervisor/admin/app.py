"""What the admin listener answers: three paths, each of which only reads.

A WSGI application like any other; where its facts are from, it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from uncork.supervisor.admin.exposition import (
    OPENMETRICS,
    PROMETHEUS,
    Family,
    openmetrics,
    prometheus,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_TEXT = "text/plain; charset=utf-8"
_METHODS = "GET, HEAD"


class Server(Protocol):
    """The server that is told about."""

    def why_not_alive(self) -> str | None:
        """What is wrong with the supervisor; `None`: it is alive, and its loop turns."""

    def why_not_ready(self) -> str | None:
        """Why no request should be sent here; `None`: there is a worker that answers."""

    def families(self) -> Iterable[Family]:
        """All the metrics with their values."""


@dataclass(frozen=True)
class _Answer:
    status: str
    text: str
    type: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()


class AdminApp:
    """The application; may be called by several threads at once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pages: Mapping[str, Callable[[WSGIEnvironment], _Answer]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333."""
        answer = self._answer(environ)
        body = answer.text.encode()
        headers = [
            ("Content-Type", answer.type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *answer.headers,
        ]
        start_response(answer.status, headers)
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        page = self._pages.get(environ["PATH_INFO"])
        if page is None:
            paths = "".join(f"{path}\n" for path in self._pages)
            return _Answer("404 Not Found", f"there are:\n{paths}")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            text = f"this is only to be read: {_METHODS}\n"
            return _Answer("405 Method Not Allowed", text, headers=(("Allow", _METHODS),))
        return page(environ)

    def _livez(self, environ: WSGIEnvironment) -> _Answer:
        del environ
        return _health("ok", self._server.why_not_alive())

    def _readyz(self, environ: WSGIEnvironment) -> _Answer:
        del environ
        return _health("ready", self._server.why_not_ready())

    def _metrics(self, environ: WSGIEnvironment) -> _Answer:
        families = self._server.families()
        vary = (("Vary", "Accept"),)
        if _wants_prometheus(environ.get("HTTP_ACCEPT", "")):
            return _Answer("200 OK", prometheus(families), PROMETHEUS, vary)
        return _Answer("200 OK", openmetrics(families), OPENMETRICS, vary)


def _health(word: str, trouble: str | None) -> _Answer:
    if trouble is None:
        return _Answer("200 OK", f"{word}\n")
    return _Answer("503 Service Unavailable", f"not {word}: {trouble}\n")


def _wants_prometheus(accept: str) -> bool:
    """Whether plain text is more welcome than OpenMetrics, which comes first among equals."""
    weights = dict(map(_range, accept.split(",")))
    anything = weights.get("*/*", 0.0)
    plain = weights.get("text/plain", weights.get("text/*", anything))
    open_ = weights.get("application/openmetrics-text", weights.get("application/*", anything))
    return plain > open_


def _range(item: str) -> tuple[str, float]:
    """A media range of `Accept` and its weight (RFC 9110 §12.5.1)."""
    media_type, *parameters = (part.strip() for part in item.lower().split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_type, float(value)
            except ValueError:
                return media_type, 0.0
    return media_type, 1.0
