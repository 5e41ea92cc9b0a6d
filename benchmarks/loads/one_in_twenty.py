"""One request in 20 sleeps 50 ms, on 16 connections: do the slow ones hold up the fast ones?

No more than some 6,400 requests a second can be had.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from benchmarks.loads.mixed_load import measure_mixed
from benchmarks.measure.mixed_clients import Client
from benchmarks.metrics import percentile
from benchmarks.servers.running import Bench
from benchmarks.servers.server import Server

_CONNECTIONS = 16
_ONE_IN = 20


@dataclass(frozen=True)
class _OneInTwenty:
    key: str = "one-in-twenty"
    title: str = "one request in 20 sleeps 50 ms"
    columns: tuple[str, ...] = (
        "requests_per_second",
        "fast_p50_ms",
        "fast_p99_ms",
        "cpu_us",
        "pss_mib",
    )
    is_for_bare_loop: bool = False

    def measure(self, server: Server, bench: Bench) -> dict[str, float]:
        turns = itertools.count(1)

        def next_path() -> str:
            return "/slow" if next(turns) % _ONE_IN == 0 else "/fast"

        clients = [Client(next_path) for _ in range(_CONNECTIONS)]
        result = measure_mixed(server, "plain:sometimes_sleeping", bench, clients)
        fast = result.milliseconds("/fast")
        return {
            "requests_per_second": result.count_in_time() / bench.seconds,
            "fast_p50_ms": percentile(fast, 50),
            "fast_p99_ms": percentile(fast, 99),
            "cpu_us": result.cpu_us,
            "pss_mib": result.pss_mib,
            "foreign_busy": result.foreign_busy,
        }


LOAD = _OneInTwenty()
