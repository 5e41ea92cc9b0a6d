"""The memory of a server with one worker after one request: PSS of all its processes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.loads.flask_text import LOAD as FLASK_TEXT
from benchmarks.servers.running import Bench, RunningServer
from benchmarks.servers.server import Server

_REST_SECONDS = 1.0


@dataclass(frozen=True)
class _AtRest:
    key: str = "at-rest"
    title: str = "memory at rest, with a Flask application"
    columns: tuple[str, ...] = ("pss_mib",)
    is_for_bare_loop: bool = False

    def measure(self, server: Server, bench: Bench) -> dict[str, float]:
        with RunningServer(server, FLASK_TEXT.app, bench) as running:
            FLASK_TEXT.probe(running)
            time.sleep(_REST_SECONDS)
            return {"pss_mib": running.tree.pss_mib()}


LOAD = _AtRest()
