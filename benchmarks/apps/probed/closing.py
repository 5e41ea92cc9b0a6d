"""Iterables that count the calls of their `close` under the name that the query gives.

`/closed?NAME` tells how many there were.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CLOSED: Counter[str] = Counter()
_ENDLESS_SECONDS = 6.0  # so that a server which collects it is not filled up


class _Closing:
    """Gives `pieces`, and counts under `name`."""

    def __init__(self, name: str, pieces: Iterator[bytes]) -> None:
        self._name = name
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Counts."""
        _CLOSED[self._name] += 1


def whole(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Ends as it should."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _Closing(environ["QUERY_STRING"], iter([b"first", b"second"]))


def fails(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fails at its second piece."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _Closing(environ["QUERY_STRING"], _failing())


def endless(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Goes on for longer than its client listens; `ended` is counted if it was never stopped."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return _Closing(environ["QUERY_STRING"], _endless())


def closed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """How often what the query names was counted."""
    answer = str(_CLOSED[environ["QUERY_STRING"]]).encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]


def _failing() -> Iterator[bytes]:
    yield b"first"
    raise ValueError("at the second piece")


def _endless() -> Iterator[bytes]:
    deadline = time.monotonic() + _ENDLESS_SECONDS
    while time.monotonic() < deadline:
        yield b"x" * 65_536
        time.sleep(0.01)
    _CLOSED["ended"] += 1


VIEWS: dict[str, WSGIApplication] = {
    "/closing/whole": whole,
    "/closing/fails": fails,
    "/closing/endless": endless,
    "/closed": closed,
}
