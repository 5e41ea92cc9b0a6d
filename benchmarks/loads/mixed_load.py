"""What the loads with two kinds of request share: `/fast`, and `/slow`."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure.answers import ask, request_bytes
from benchmarks.measure.machine import ActivityWatch
from benchmarks.measure.mixed_clients import Client, Timing, run_mixed
from benchmarks.measure.process_tree import cpu_between
from benchmarks.servers.running import Bench, RunningServer
from benchmarks.servers.server import Server

WARM_UP_SECONDS = 1.0
EXPECTED = b"Hello, world!"


@dataclass(frozen=True)
class MixedResult:
    """What the clients saw, and what it cost."""

    timings: Sequence[Timing]
    cpu_us: float
    pss_mib: float
    foreign_busy: float

    def milliseconds(self, path: str) -> list[float]:
        """The latencies of one path, in order."""
        return sorted(timing.seconds * 1000 for timing in self.timings if timing.path == path)

    def count_in_time(self, path: str | None = None) -> int:
        """How many answers came before the load's end."""
        return sum(timing.is_in_time and path in {None, timing.path} for timing in self.timings)


def measure_mixed(server: Server, app: str, bench: Bench, clients: Sequence[Client]) -> MixedResult:
    """Lets the clients load the server once, after a warm-up.

    Raises:
        Disqualified: An answer was wrong, late or missing.
    """
    with RunningServer(server, app, bench) as running:
        ask(running.port, request_bytes("/fast"), EXPECTED)
        run_mixed(clients, running.port, WARM_UP_SECONDS, EXPECTED)
        gc.disable()  # the loader's own pauses must not look like the server's
        try:
            watch = ActivityWatch()
            before = running.tree.cpu_seconds()
            timings = run_mixed(clients, running.port, bench.seconds, EXPECTED)
            cpu = cpu_between(before, running.tree.cpu_seconds())
            activity = watch.stop()
        finally:
            gc.enable()
        others = activity.all_busy - activity.generator_busy - cpu / bench.seconds
        return MixedResult(
            timings,
            cpu_us=cpu / len(timings) * 1e6,
            pss_mib=running.tree.pss_mib(),
            foreign_busy=max(0.0, others),
        )
