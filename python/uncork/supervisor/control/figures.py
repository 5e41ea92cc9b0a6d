"""What the scoreboard says of a server, as facts for whoever asks over the control socket.

Read when it is asked for, and not with each status: the supervisor looks at its own often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from uncork.supervisor.scoreboard import (
    Activity,
    Counters,
    Histogram,
    RunningRequest,
    Scoreboard,
    Totals,
    WorkerFigures,
)
from uncork.supervisor.status import Load, ServerStatus

_STATES = {
    Activity.IN_APP: "app",
    Activity.WAITING_FOR_PEER: "client",
    Activity.UPGRADED: "upgraded",
}


def with_load(status: ServerStatus, board: Scoreboard) -> ServerStatus:
    """The status, with what the server and each of its workers are at."""
    loads = {figures.pid: _load(figures) for figures in map(board.worker, board.rows)}
    workers = [replace(each, load=loads.get(each.pid)) for each in status.workers]
    return replace(status, workers=workers, load=_load(board.totals()))


def running_requests(board: Scoreboard, now: float) -> list[dict[str, Any]]:
    """The requests that are inside the app, the longest first."""
    found = [
        _request(request, figures, now)
        for figures in map(board.worker, board.rows)
        for request in board.running(figures.row)
    ]
    return sorted(found, key=lambda each: -each["seconds"])


def requests_by_thread(board: Scoreboard, pid: int) -> Mapping[int, RunningRequest]:
    """What each thread of a worker serves, by the number that Python has for the thread."""
    row = board.row_of(pid)
    running = () if row is None else board.running(row)
    return {request.python_thread: request for request in running}


def traffic(board: Scoreboard, now: float) -> dict[str, Any]:
    """What was done since the start, for rates by differences; `at` is when, in seconds."""
    counters = board.totals().counters
    return {
        "at": now,
        "requests": counters.requests_ended,
        "responses": list(counters.responses),
        "aborted": counters.aborted,
        "bytes_sent": counters.bytes_sent,
        "latency": _histogram(counters.latency),
        "queue_time": _histogram(counters.queue_time),
    }


def _load(figures: WorkerFigures | Totals) -> Load:
    counters: Counters = figures.counters
    return Load(
        requests=counters.requests_ended,
        running=counters.in_flight,
        errors=counters.responses[4],
        aborted=counters.aborted,
        bytes_sent=counters.bytes_sent,
        connections=figures.connections,
        queue=figures.queue,
        threads=figures.threads,
        busy_threads=figures.busy_threads,
    )


def _request(request: RunningRequest, figures: WorkerFigures, now: float) -> dict[str, Any]:
    return {
        "pid": figures.pid,
        "worker": figures.index + 1,
        "generation": figures.generation,
        "method": request.method,
        "path": request.target,
        "is_cut": request.is_cut,
        "client": request.client,
        "client_port": request.client_port,
        "request_id": request.identifier,
        "seconds": max(0.0, now - request.started),
        "state": _STATES[request.activity],
        "native_thread": request.native_thread,
        "python_thread": request.python_thread,
    }


def _histogram(histogram: Histogram) -> dict[str, Any]:
    return {
        "bounds_seconds": list(histogram.bounds_seconds),
        "counts": list(histogram.counts),
        "sum_seconds": histogram.sum_seconds,
    }
