"""Views that compute as long as usual ones do; `/wait` returns when `/open` was called."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATIENCE_SECONDS = 20
# Some 50 µs on most machines.
STEPS = 1000

_gate = threading.Event()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers the path."""
    path = environ["PATH_INFO"]
    if path == "/wait":
        assert _gate.wait(PATIENCE_SECONDS), "nobody opened the gate"
    elif path == "/open":
        _gate.set()
    elif path == "/shut":
        _gate.clear()
    else:
        sum(range(STEPS))
        for _ in range(STEPS):
            pass
    body = path.encode("latin-1")
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return iter([body])
