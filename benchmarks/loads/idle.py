"""10,000 keep-alive connections that have been used once: what they cost, and whom they disturb.

The same load runs alone first, then beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.loads.hello import LOAD as HELLO
from benchmarks.loads.wrk_load import WARM_UP_SECONDS, check_size
from benchmarks.measure.idle_connections import IdleConnections, allow_descriptors
from benchmarks.measure.wrk import run_wrk
from benchmarks.samples import Disqualified
from benchmarks.servers.running import Bench, RunningServer
from benchmarks.servers.server import Server

_COUNT = 10_000


@dataclass(frozen=True)
class _Idle:
    key: str = "idle"
    title: str = "10,000 idle connections"
    columns: tuple[str, ...] = (
        "idle_kib",
        "requests_per_second",
        "requests_per_second_alone",
        "p99_ms",
        "p99_ms_alone",
        "pss_mib",
    )
    is_for_bare_loop: bool = False

    def measure(self, server: Server, bench: Bench) -> dict[str, float]:
        if not allow_descriptors(_COUNT):
            raise Disqualified("not measured: the system's limit of open files is too low")
        with RunningServer(server, HELLO.app, bench) as running:
            size = HELLO.probe(running)
            run_wrk(HELLO.order, running.port, bench.load_core, WARM_UP_SECONDS)
            alone, _ = HELLO.load(running, bench)
            pss_before = running.tree.pss_mib()
            with IdleConnections(running.port, _COUNT, HELLO.order.path, HELLO.expected) as idle:
                pss_after = running.tree.pss_mib()
                numbers, result = HELLO.load(running, bench)
                if (still_open := idle.count_open()) < _COUNT:
                    raise Disqualified(f"only {still_open:,} connections stayed open")
            check_size(result, size, HELLO.order.connections)
        return numbers | {
            "idle_kib": (pss_after - pss_before) * 1024 / _COUNT,
            "pss_mib": pss_after,
            "requests_per_second_alone": alone["requests_per_second"],
            "p99_ms_alone": alone["p99_ms"],
        }


LOAD = _Idle()
