"""From the start of the command to the first whole answer, and the application's share of it."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass

from benchmarks.loads.flask_text import LOAD as FLASK_TEXT
from benchmarks.samples import Disqualified
from benchmarks.servers.running import APPS, Bench, RunningServer
from benchmarks.servers.server import Server

_STARTS = 5
_TIME_OF_IMPORT = "import time; a = time.perf_counter(); import {}; print(time.perf_counter() - a)"


@dataclass(frozen=True)
class _Ready:
    key: str = "ready"
    title: str = "time to ready, with a Flask application"
    columns: tuple[str, ...] = ("ready_s", "import_s")
    is_for_bare_loop: bool = False

    def measure(self, server: Server, bench: Bench) -> dict[str, float]:
        starts, imports = [], []
        for _ in range(_STARTS):
            with RunningServer(server, FLASK_TEXT.app, bench) as running:
                # The port may take connections before the application is there.
                FLASK_TEXT.probe(running)
                starts.append(time.monotonic() - running.started)
            imports.append(_import_seconds(server, bench))
        return {"ready_s": statistics.median(starts), "import_s": statistics.median(imports)}


def _import_seconds(server: Server, bench: Bench) -> float:
    module = FLASK_TEXT.app.partition(":")[0]
    command = ["taskset", "--cpu-list", str(bench.server_core), os.fspath(server.python or "")]
    done = subprocess.run(
        [*command, "-c", _TIME_OF_IMPORT.format(module)],
        cwd=APPS,
        env=bench.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Disqualified(f"the application could not be imported: {done.stderr.strip()}")
    return float(done.stdout)


LOAD = _Ready()
