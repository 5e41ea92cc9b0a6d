"""The status of a server as people read it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from uncork.cli.control_command import printable
from uncork.cli.table import table
from uncork.supervisor.memory import Memory, saved_by_preloading
from uncork.supervisor.status import Load, OnceStatus, ReloadStatus, ServerStatus, WorkerStatus

STATES = {
    "starting": "loads its app",
    "serving": "serves",
    "reloading": "serves, and reloads",
    "stopping": "is stopping",
}
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
UNKNOWN = "-"


def status_text(status: ServerStatus, memory: Mapping[int, Memory]) -> str:
    """A few lines about the server, and a table of its workers."""
    lines = heading(status, memory)
    if status.workers:
        lines += ["", worker_table(status.workers, memory)]
    if status.once:
        lines += ["", once_table(status.once, memory)]
    return printable("\n".join(lines))


def heading(status: ServerStatus, memory: Mapping[int, Memory]) -> list[str]:
    """What there is to say of the server as a whole."""
    origin = f", {status.origin}" if status.origin else ""
    places = ", ".join(status.listeners) or "nothing yet"
    lines = [
        f"uncork {status.version} serves `{status.app}`{origin}, in {status.folder}",
        f"listening on {places}",
        f"process {status.pid} {STATES.get(status.state, status.state)}, "
        f"started {span(status.uptime_seconds)} ago",
        _workers(status, memory),
    ]
    if status.load is not None:
        lines.append(_load(status.load))
    if status.admin is not None:
        used = memory.get(status.admin.pid, Memory(None, None))
        lines.append(
            f"health and metrics by process {status.admin.pid}, {size(used.proportional)}"
            if used.proportional is not None
            else f"health and metrics by process {status.admin.pid}"
        )
    if status.last_reload is not None:
        lines.append(_reload(status.last_reload))
    return lines


def worker_table(workers: Sequence[WorkerStatus], memory: Mapping[int, Memory]) -> str:
    """One line for each worker."""
    headers = (
        *("Worker", "Process", "Generation", "State", "Age"),
        *("Requests", "Running", "Threads", "Queue", "Connections", "Memory", "Share"),
    )
    rows = []
    for worker in workers:
        used = memory.get(worker.pid, Memory(None, None))
        rows.append(
            (
                str(worker.index + 1),
                str(worker.pid),
                str(worker.generation),
                worker.state,
                span(worker.age_seconds),
                *load_cells(worker.load),
                size(used.resident),
                size(used.proportional),
            )
        )
    return table(headers, rows)


def once_table(processes: Sequence[OnceStatus], memory: Mapping[int, Memory]) -> str:
    """One line for each process that runs once beside the workers."""
    headers = ("Once", "Process", "State", "Age", "Restarts", "Memory", "Share", "Runs")
    rows = []
    for each in processes:
        used = memory.get(each.pid or 0, Memory(None, None))
        rows.append(
            (
                each.name,
                UNKNOWN if each.pid is None else str(each.pid),
                each.state,
                UNKNOWN if each.age_seconds is None else span(each.age_seconds),
                f"{each.restarts:,}",
                size(used.resident),
                size(used.proportional),
                each.run,
            )
        )
    return table(headers, rows)


def saved_by_template(status: ServerStatus, memory: Mapping[int, Memory]) -> int | None:
    """How many bytes a template saves the generation that serves; `None`: there is none."""
    for generation in status.generations:
        if generation.state != "serving" or generation.template is None:
            continue
        pids = [each.pid for each in status.workers if each.generation == generation.number]
        unknown = Memory(None, None)
        return saved_by_preloading(
            memory.get(generation.template, unknown),
            [memory.get(pid, unknown) for pid in pids],
            generation.from_supervisor or 0,
        )
    return None


def load_cells(load: Load | None) -> Sequence[str]:
    """The requests that have ended, those that run, threads, queue and connections."""
    if load is None:
        return (UNKNOWN,) * 5
    counts = (load.requests, load.running, load.queue, load.connections)
    requests, running, queue, connections = (f"{count:,}" for count in counts)
    return requests, running, f"{load.busy_threads} of {load.threads}", queue, connections


def span(seconds: float) -> str:
    """A duration in its two largest units, such as `2h 5m`."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    first, *rest = parts[:2]
    return first if not rest or rest[0].startswith("0") else f"{first} {rest[0]}"


def size(count: int | None) -> str:
    """A number of bytes, in MiB."""
    return UNKNOWN if count is None else f"{count / 1024**2:.1f} MiB"


def _workers(status: ServerStatus, memory: Mapping[int, Memory]) -> str:
    wanted = status.workers_wanted
    text = f"{wanted} worker{'' if wanted == 1 else 's'} ({status.workers_reason.replace('`', '')})"
    if status.generation is not None:
        text += f" of generation {status.generation}"
    if status.restarts:
        reasons = ", ".join(f"{count} by {reason}" for reason, count in status.restarts.items())
        text += f", {sum(status.restarts.values())} replaced ({reasons})"
    proportional = [used.proportional for used in memory.values()]
    known = [used for used in proportional if used is not None]
    if known and len(known) == len(proportional):
        text += f"; {size(sum(known))} in all"
    saved = saved_by_template(status, memory)
    if saved is not None and saved > 0:
        text += f", {size(saved)} saved by preloading"
    return text


def _load(load: Load) -> str:
    text = f"{counted(load.requests, 'request')} answered"
    unwell = [
        f"{count:,} {what}"
        for count, what in ((load.errors, "with an error"), (load.aborted, "broken off"))
        if count
    ]
    if unwell:
        text += f" ({', '.join(unwell)})"
    text += f", {load.running:,} running"
    if load.queue:
        text += f", {load.queue:,} waiting for a thread"
    text += f"; {load.busy_threads} of {counted(load.threads, 'thread')} busy"
    return f"{text}; {counted(load.connections, 'connection')}"


def counted(count: int, what: str) -> str:
    """The number with its noun, as in `1,024 requests`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _reload(reload: ReloadStatus) -> str:
    ago = span(max(0.0, time.time() - reload.began_at))
    if reload.outcome == "running":
        return f"a reload has been running for {ago}: generation {reload.generation} is tried"
    if reload.outcome == "done":
        took = f"{reload.seconds:.1f} s" if reload.seconds is not None else "a while"
        return f"last reload {ago} ago: generation {reload.generation} took over after {took}"
    error = reload.error or {}
    why = error.get("what", "")
    if error.get("cause"):
        why += f": {error['cause']}"
    return f"last reload {ago} ago failed: {why}"
