"""A load of equal requests by wrk, with the checks that wrk itself does not do.

wrk reads statuses, but no bodies; so one answer is compared byte by byte before and after, and
the bytes in between must be as many as that answer's size says. wrk also forgets connections that
never get an answer; so a canary connects under load, and should be answered within wrk's timeout.
A load of less than two seconds is too short to tell.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Self

from benchmarks.measure.answers import ask, request_bytes
from benchmarks.measure.machine import ActivityWatch
from benchmarks.measure.process_tree import cpu_between
from benchmarks.measure.wrk import WrkOrder, WrkResult, run_wrk
from benchmarks.samples import Disqualified, NoAnswer
from benchmarks.servers.running import Bench, RunningServer
from benchmarks.servers.server import Server

COLUMNS = ("requests_per_second", "cpu_us", "p50_ms", "p99_ms", "pss_mib")
WARM_UP_SECONDS = 1.0
_SIZE_TOLERANCE = 0.02  # the framing of a streamed answer may differ by some bytes
_CANARY_DELAY_SECONDS = 0.1


@dataclass(frozen=True)
class WrkLoad:
    """A load as data.

    Args:
        order: What wrk does.
        app: The app spec to serve.
        expected: The body of every answer.
    """

    key: str
    title: str
    app: str
    order: WrkOrder
    expected: bytes
    columns: tuple[str, ...] = COLUMNS
    is_for_bare_loop: bool = False

    def measure(self, server: Server, bench: Bench) -> dict[str, float]:
        """Loads the server once, after a warm-up."""
        with RunningServer(server, self.app, bench) as running:
            size = self.probe(running)
            run_wrk(self.order, running.port, bench.load_core, WARM_UP_SECONDS)
            numbers, result = self.load(running, bench)
            numbers["pss_mib"] = running.tree.pss_mib()
            self.probe(running)
            check_size(result, size, self.order.connections)
        return numbers

    def load(self, running: RunningServer, bench: Bench) -> tuple[dict[str, float], WrkResult]:
        """Loads a server that runs, and measures its CPU time meanwhile."""
        watch = ActivityWatch()
        before = running.tree.cpu_seconds()
        with _Canary(self, running.port) as canary:
            result = run_wrk(self.order, running.port, bench.load_core, bench.seconds)
            is_starved = canary.is_starved()
        cpu = cpu_between(before, running.tree.cpu_seconds())
        activity = watch.stop()
        others = activity.all_busy - activity.generator_busy - cpu / result.seconds
        numbers = {
            "requests_per_second": result.requests_per_second,
            "cpu_us": cpu / result.requests * 1e6,
            "starved": float(is_starved),
            "generator_busy": activity.generator_busy,
            "foreign_busy": max(0.0, others),
        }
        return numbers | result.latency_ms, result

    def probe(self, running: RunningServer) -> int:
        """Asks once, compares the body, and returns the size of the whole answer."""
        return ask(running.port, self.request(), self.expected).wire_bytes

    def request(self) -> bytes:
        """The same request as wrk's."""
        body = b"0123456789abcdef" * (self.order.body_bytes // 16)
        return request_bytes(self.order.path, body=body, closes=self.order.closes)


def check_size(result: WrkResult, size: int, connections: int) -> None:
    """Compares the bytes of a load with the size of one answer.

    Raises:
        Disqualified: They do not fit; some answers were cut or different.
    """
    least = result.requests * size * (1 - _SIZE_TOLERANCE)
    most = (result.requests + connections) * size * (1 + _SIZE_TOLERANCE)
    if not least <= result.received_bytes <= most:
        mean = result.received_bytes / result.requests
        raise Disqualified(f"answers of {mean:.0f} bytes in the mean, {size} expected")


class _Canary:
    """One request on a connection of its own in the middle of a load."""

    def __init__(self, load: WrkLoad, port: int) -> None:
        self._load = load
        self._port = port
        self._failure: Disqualified | None = None
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def is_starved(self) -> bool:
        """Waits for the canary; `True` if it had no answer in time.

        Raises:
            Disqualified: The answer was wrong or broken.
        """
        self._thread.join()
        if self._failure is None or isinstance(self._failure, NoAnswer):
            return self._failure is not None
        raise self._failure

    def _ask(self) -> None:
        # With one connection there is nobody to starve: a server may have one thread for it.
        if self._load.order.connections == 1:
            return
        time.sleep(_CANARY_DELAY_SECONDS)
        try:
            ask(self._port, self._load.request(), self._load.expected)
        except Disqualified as failure:
            self._failure = failure
