"""`/hold?GATE` keeps its thread until the file GATE is there; all else is `plain`'s to answer."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import plain

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATIENCE_SECONDS = 10


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Puts down `GATE.begun` when it begins to wait."""
    if environ["PATH_INFO"] != "/hold":
        return plain.app(environ, start_response)
    gate = Path(environ["QUERY_STRING"])
    gate.with_suffix(".begun").touch()
    end = time.monotonic() + PATIENCE_SECONDS
    while not gate.exists():
        assert time.monotonic() < end, f"nobody opened {gate}"
        time.sleep(0.005)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"held"]
