"""Every number that a load can yield: its heading, how it is written, and which way is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How one kind of number is shown."""

    heading: str
    digits: int
    is_more_better: bool = False

    def show(self, value: float) -> str:
        """Writes `value` with thousands separated."""
        return f"{value:,.{self.digits}f}"


METRICS = {
    "requests_per_second": Metric("requests/s", 0, is_more_better=True),
    "cpu_us": Metric("CPU µs/request", 2),
    "p50_ms": Metric("p50 ms", 3),
    "p90_ms": Metric("p90 ms", 3),
    "p99_ms": Metric("p99 ms", 3),
    "p999_ms": Metric("p99.9 ms", 3),
    "max_ms": Metric("max ms", 2),
    "pss_mib": Metric("PSS MiB", 1),
    "fast_p50_ms": Metric("fast p50 ms", 3),
    "fast_p99_ms": Metric("fast p99 ms", 3),
    "trivial_p50_ms": Metric("trivial p50 ms", 3),
    "trivial_p99_ms": Metric("trivial p99 ms", 3),
    "heavy_per_second": Metric("heavy requests/s", 1, is_more_better=True),
    "idle_kib": Metric("KiB/idle connection", 2),
    "requests_per_second_alone": Metric("requests/s alone", 0, is_more_better=True),
    "p99_ms_alone": Metric("p99 ms alone", 3),
    "ready_s": Metric("ready s", 3),
    "import_s": Metric("import of the app s", 3),
    "starved": Metric("a new connection had no answer", 0),
    "generator_busy": Metric("generator busy", 2),
    "foreign_busy": Metric("others busy", 2),
}


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of numbers that are in order, and not none."""
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(rank, 1) - 1]
