"""What `uncork top` shows: of one look at a server, and of the difference to the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uncork.cli.control_command import printable
from uncork.cli.requests import request_table
from uncork.cli.status_text import STATES, UNKNOWN, counted, load_cells, size, span
from uncork.cli.table import table
from uncork.supervisor.memory import resident_of
from uncork.supervisor.status import Load, ServerStatus, WorkerStatus

_NO_LOAD = Load(0, 0, 0, 0, 0, 0, 0, 0, 0)
_FOOTER = "q leaves"


class Look:
    """What was seen in one moment.

    Args:
        figures: As the server has told them.
    """

    def __init__(self, figures: Mapping[str, Any]) -> None:
        self.status = ServerStatus.from_facts(figures["status"])
        self.requests: Sequence[Mapping[str, Any]] = figures["requests"]
        self.traffic: Mapping[str, Any] = figures["traffic"]
        self.memory = {
            each.pid: resident_of(each.pid) if figures["is_here"] else None
            for each in self.status.workers
        }


def plain_text(now: Look, before: Look | None) -> str:
    """All of it, as long as it may be."""
    lines = [*_head(now, before), "", *_workers(now, before)]
    if now.requests:
        lines += ["", *request_table(now.requests).splitlines()]
    return printable("\n".join(lines))


def screen_text(now: Look, before: Look | None, columns: int, rows: int) -> str:
    """As much as there is room for; the requests get what the workers leave."""
    lines = [*_head(now, before), "", *_workers(now, before)]
    room = rows - 1
    if len(lines) < room - 3 and now.requests:
        lines += ["", *request_table(now.requests).splitlines()]
    lines = lines[: max(0, room)]
    lines += [""] * (room - len(lines))
    return printable("\n".join(line[:columns] for line in [*lines, _FOOTER]))


def time_below(before: Mapping[str, Any], now: Mapping[str, Any], share: float) -> float | None:
    """Below how many seconds that share of the answers was, of those that came in between.

    As far as the histogram tells: the upper bound of a bucket, infinite for the last one. `None`:
    there was no answer.
    """
    counts = [new - old for old, new in zip(before["counts"], now["counts"], strict=True)]
    wanted, seen = share * sum(counts), 0
    if wanted <= 0 or min(counts) < 0:
        return None
    for bound, count in zip((*now["bounds_seconds"], float("inf")), counts, strict=True):
        seen += count
        if seen >= wanted:
            return float(bound)
    return None


def _head(now: Look, before: Look | None) -> list[str]:
    status, load = now.status, now.status.load or _NO_LOAD
    ready = sum(each.state == "ready" for each in status.workers)
    workers = f"{ready} of {counted(status.workers_wanted, 'worker')} ready"
    state = STATES.get(status.state, status.state)
    since = span(status.uptime_seconds)
    lines = [
        f"`{status.app}`, process {status.pid} {state}, started {since} ago; {workers}",
        f"{_rates(now, before)}; {load.running:,} running, {load.queue:,} waiting for a thread; "
        f"{load.busy_threads} of {counted(load.threads, 'thread')} busy; "
        f"{counted(load.connections, 'connection')}",
    ]
    if before is not None:
        lines.append(_times(before.traffic["latency"], now.traffic["latency"]))
    return lines


def _rates(now: Look, before: Look | None) -> str:
    if before is None:
        return f"{counted(now.traffic['requests'], 'request')} answered"
    seconds = now.traffic["at"] - before.traffic["at"]
    requests = now.traffic["requests"] - before.traffic["requests"]
    if seconds <= 0 or requests < 0:  # a restart has begun to count anew
        return f"{UNKNOWN} requests/s"
    errors = now.traffic["responses"][4] - before.traffic["responses"][4]
    sent = now.traffic["bytes_sent"] - before.traffic["bytes_sent"]
    per_second = f"{requests / seconds:,.1f} requests/s, {errors / seconds:,.1f} errors/s"
    return f"{per_second}, {size(int(sent / seconds))}/s"


def _times(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    shares = [(name, time_below(before, now, share)) for name, share in _SHARES]
    known = [f"{name} {_seconds(found)}" for name, found in shares if found is not None]
    return f"answers took: {', '.join(known)}" if known else "no answer in the last second"


_SHARES = (("half", 0.5), ("95%", 0.95), ("99%", 0.99))


def _seconds(seconds: float) -> str:
    if seconds == float("inf"):
        return "up to more than 10 s"
    return f"up to {seconds * 1000:g} ms" if seconds < 1 else f"up to {seconds:g} s"


def _workers(now: Look, before: Look | None) -> list[str]:
    if not now.status.workers:
        return []
    headers = (
        *("Worker", "Process", "Generation", "State", "Age", "Requests/s"),
        *("Running", "Threads", "Queue", "Connections", "Memory"),
    )
    rows = [
        (
            *(str(each.index + 1), str(each.pid), str(each.generation), each.state),
            span(each.age_seconds),
            _rate(each, now, before),
            *load_cells(each.load)[1:],
            size(now.memory[each.pid]),
        )
        for each in now.status.workers
    ]
    return table(headers, rows).splitlines()


def _rate(worker: WorkerStatus, now: Look, before: Look | None) -> str:
    if before is None:
        return UNKNOWN
    old = next((each for each in before.status.workers if each.pid == worker.pid), None)
    if old is None or old.load is None or worker.load is None:
        return UNKNOWN
    seconds = now.traffic["at"] - before.traffic["at"]
    requests = worker.load.requests - old.load.requests
    return f"{requests / seconds:,.1f}" if seconds > 0 and requests >= 0 else UNKNOWN
