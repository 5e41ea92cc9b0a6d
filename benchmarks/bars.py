"""What uncork has to reach, each as one number of one run and its limit.

Ratios are of medians. A peer that was disqualified, or that starved new connections, is not the
best peer; if uncork was disqualified or starved them, its bar is failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.servers.bare_loop import KEY as BARE_LOOP
from benchmarks.servers.table import titles
from benchmarks.servers.uncork import KEY as UNCORK
from benchmarks.table import LoadTable


@dataclass(frozen=True)
class Reading:
    """The number that a bar judges, and what it was made of."""

    value: float
    origin: str


@dataclass(frozen=True)
class Bar:
    """One promise.

    Args:
        load: The load that shows it.
        text: What is judged.
        limit: The number to reach.
        is_at_most: Whether the limit is the most, or else the least.
        read: Takes the number from the load's table; `None` if something is missing for it.
    """

    load: str
    text: str
    limit: float
    is_at_most: bool
    read: Callable[[LoadTable], Reading | None]


@dataclass(frozen=True)
class Verdict:
    """What became of a bar; `is_passed` is `None` if it could not be judged."""

    bar: Bar
    reading: Reading | None
    is_passed: bool | None
    reason: str = ""


def judge(bar: Bar, tables: Mapping[str, LoadTable]) -> Verdict:
    """Holds a run against a bar."""
    table = tables.get(bar.load)
    if table is None:
        return Verdict(bar, None, None, "not measured")
    if UNCORK in table.failures:
        return Verdict(bar, None, False, f"disqualified: {table.failures[UNCORK]}")
    if table.starves(UNCORK):
        return Verdict(bar, None, False, "new connections were not served")
    reading = bar.read(table)
    if reading is None:
        return Verdict(bar, None, None, "nothing to compare with")
    is_within = reading.value <= bar.limit if bar.is_at_most else reading.value >= bar.limit
    return Verdict(bar, reading, is_within)


def _own(metric: str, unit: str) -> Callable[[LoadTable], Reading | None]:
    """The median of uncork itself."""

    def read(table: LoadTable) -> Reading | None:
        value = table.median(UNCORK, metric)
        return None if value is None else Reading(value, unit)

    return read


def _own_ratio(metric: str, below: str) -> Callable[[LoadTable], Reading | None]:
    """One median to another of the same server."""

    def read(table: LoadTable) -> Reading | None:
        upper, lower = table.median(UNCORK, metric), table.median(UNCORK, below)
        if upper is None or not lower:
            return None
        return Reading(upper / lower, f"{upper:,.4g} to {lower:,.4g}")

    return read


def _own_difference(metric: str, less: str, unit: str) -> Callable[[LoadTable], Reading | None]:
    """One median less another of the same server."""

    def read(table: LoadTable) -> Reading | None:
        whole, part = table.median(UNCORK, metric), table.median(UNCORK, less)
        if whole is None or part is None:
            return None
        return Reading(whole - part, f"{whole:.3f} {unit} less {part:.3f} {unit}")

    return read


def _to_best_peer(metric: str) -> Callable[[LoadTable], Reading | None]:
    """The median to the best of the peers'."""

    def read(table: LoadTable) -> Reading | None:
        best = table.best_peer(metric)
        return None if best is None else _to(best[0], metric)(table)

    return read


def _to(server: str, metric: str) -> Callable[[LoadTable], Reading | None]:
    """The median to one server's."""

    def read(table: LoadTable) -> Reading | None:
        ours, theirs = table.median(UNCORK, metric), table.median(server, metric)
        if ours is None or not theirs:
            return None
        return Reading(ours / theirs, f"{ours:,.4g} to {theirs:,.4g} of {titles()[server]}")

    return read


def _cheaper_and_faster(load: str) -> list[Bar]:
    return [
        Bar(load, "CPU per request, to the best peer", 0.85, True, _to_best_peer("cpu_us")),
        _not_behind(load),
    ]


def _not_behind(load: str) -> Bar:
    read = _to_best_peer("requests_per_second")
    return Bar(load, "requests/s, to the best peer", 1.0, False, read)


_CHEAPER_AND_FASTER = ("hello", "ten-kib", "upload", "streamed", "connections", "one-client")

BARS = [
    *(bar for load in _CHEAPER_AND_FASTER for bar in _cheaper_and_faster(load)),
    Bar("hello", "CPU per request, to the bare epoll loop", 1.25, True, _to(BARE_LOOP, "cpu_us")),
    _not_behind("flask-text"),
    _not_behind("flask-json"),
    Bar("sleeping", "requests/s", 5500, False, _own("requests_per_second", "requests/s")),
    Bar("one-in-twenty", "median of the fast ones", 1.0, True, _own("fast_p50_ms", "ms")),
    _not_behind("one-in-twenty"),
    Bar("computing", "requests/s, to bjoern", 0.98, False, _to("bjoern", "requests_per_second")),
    Bar("computing", "p99, to the median", 2.0, True, _own_ratio("p99_ms", "p50_ms")),
    Bar(
        "beside-computing",
        "p99 of the trivial view, to the best peer",
        1.0,
        True,
        _to_best_peer("trivial_p99_ms"),
    ),
    Bar("idle", "memory of a connection", 4.0, True, _own("idle_kib", "KiB")),
    Bar(
        "idle",
        "requests/s of others, to without",
        0.95,
        False,
        _own_ratio("requests_per_second", "requests_per_second_alone"),
    ),
    Bar("idle", "p99 of others, to without", 1.25, True, _own_ratio("p99_ms", "p99_ms_alone")),
    Bar("at-rest", "PSS, to Gunicorn with one worker", 1.0, True, _to("gunicorn", "pss_mib")),
    Bar(
        "ready",
        "time to ready, without the import of the app",
        0.3,
        True,
        _own_difference("ready_s", "import_s", "s"),
    ),
]
