"""A view that computes 20 ms, asked for without pause, beside a trivial one, asked by a clock.

The trivial one's latency counts from when it was due. It has some connections, which take turns,
so that a server that serves one request after the other falls behind no further than its queue.
The period is in no simple ratio to 20 ms, nor to the 5 ms after which CPython passes the GIL on.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.loads.mixed_load import measure_mixed
from benchmarks.measure.mixed_clients import Client
from benchmarks.metrics import percentile
from benchmarks.servers.running import Bench
from benchmarks.servers.server import Server

_PERIOD_SECONDS = 0.0073
_CONNECTIONS = 8


@dataclass(frozen=True)
class _BesideComputing:
    key: str = "beside-computing"
    title: str = "a trivial view beside one that computes 20 ms"
    columns: tuple[str, ...] = (
        "trivial_p99_ms",
        "trivial_p50_ms",
        "heavy_per_second",
        "pss_mib",
    )
    is_for_bare_loop: bool = False

    def measure(self, server: Server, bench: Bench) -> dict[str, float]:
        heavy = Client(lambda: "/slow")
        trivial_ones = [
            Client(lambda: "/fast", _PERIOD_SECONDS * _CONNECTIONS, _PERIOD_SECONDS * turn)
            for turn in range(_CONNECTIONS)
        ]
        clients = [heavy, *trivial_ones]
        result = measure_mixed(server, "plain:sometimes_computing", bench, clients)
        trivial = result.milliseconds("/fast")
        return {
            "trivial_p50_ms": percentile(trivial, 50),
            "trivial_p99_ms": percentile(trivial, 99),
            "heavy_per_second": result.count_in_time("/slow") / bench.seconds,
            "pss_mib": result.pss_mib,
            "foreign_busy": result.foreign_busy,
        }


LOAD = _BesideComputing()
