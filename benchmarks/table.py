"""The arithmetic of the report: from samples to medians with their spread.

A server with one disqualified round of a load has no row for that load: a number that only comes
out when nothing goes wrong is no number.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.metrics import METRICS
from benchmarks.samples import Sample
from benchmarks.servers.bare_loop import KEY as BARE_LOOP
from benchmarks.servers.uncork import KEY as UNCORK


@dataclass(frozen=True)
class Spread:
    """The median of all rounds, with the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


Row = dict[str, Spread]


@dataclass(frozen=True)
class LoadTable:
    """What all servers did under one load."""

    rows: dict[str, Row]  # by server
    failures: dict[str, str]  # by server; such a server has no row

    def median(self, server: str, metric: str) -> float | None:
        """One median, or `None` if there is none."""
        spread = self.rows.get(server, {}).get(metric)
        return None if spread is None else spread.median

    def starves(self, server: str) -> bool:
        """Whether a new connection was not served under load, in any round."""
        starved = self.rows.get(server, {}).get("starved")
        return starved is not None and starved.greatest > 0

    def best_peer(self, metric: str) -> tuple[str, float] | None:
        """The peer with the best median: neither uncork nor the bare loop.

        One that starves new connections does less work for its numbers, so it is no reference.
        """
        medians = [
            (row[metric].median, server)
            for server, row in self.rows.items()
            if server not in {UNCORK, BARE_LOOP} and metric in row and not self.starves(server)
        ]
        if not medians:
            return None
        median, server = max(medians) if METRICS[metric].is_more_better else min(medians)
        return server, median

    def ordered(self, metric: str) -> list[str]:
        """The servers, best first."""
        sign = -1 if METRICS[metric].is_more_better else 1
        return sorted(self.rows, key=lambda server: sign * self.rows[server][metric].median)


def tables(samples: Iterable[Sample]) -> dict[str, LoadTable]:
    """One table for each load that has samples."""
    by_load: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        by_load[sample.load][sample.server].append(sample)
    return {load: _table(by_server) for load, by_server in by_load.items()}


def _table(by_server: dict[str, list[Sample]]) -> LoadTable:
    table = LoadTable({}, {})
    for server, samples in by_server.items():
        failures = [sample.failure for sample in samples if sample.failure]
        if failures:
            table.failures[server] = _failure_text(failures, len(samples))
        else:
            table.rows[server] = _row(samples)
    return table


def _failure_text(failures: Sequence[str], rounds: int) -> str:
    if rounds == 1:
        return failures[0]
    return f"{failures[0]} ({len(failures)} of {rounds} rounds)"


def _row(samples: Sequence[Sample]) -> Row:
    shared = set.intersection(*(set(sample.numbers) for sample in samples))
    return {
        metric: Spread.of([sample.numbers[metric] for sample in samples])
        for metric in METRICS
        if metric in shared
    }
