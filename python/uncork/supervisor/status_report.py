"""Makes a `ServerStatus` of what the supervisor knows."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uncork.supervisor.fleet import Fleet
from uncork.supervisor.reload_history import ReloadHistory
from uncork.supervisor.status import (
    GenerationState,
    GenerationStatus,
    ServerState,
    ServerStatus,
    WorkerState,
    WorkerStatus,
)
from uncork.supervisor.worker_handle import State, WorkerHandle

_WORKER_STATES: Mapping[State, WorkerState] = {
    State.BOOTING: "booting",
    State.READY: "ready",
    State.DRAINING: "draining",
    State.STOPPING: "stopping",
    State.KILLED: "killed",
}


@dataclass
class Start:
    """What is known of a server from its start on; times by the monotonic clock and of day."""

    at: float
    time_of_day: float
    folder: str

    @classmethod
    def now(cls) -> Start:
        """It starts in this moment, in the working directory."""
        return cls(time.monotonic(), time.time(), os.getcwd())  # noqa: PTH109 (it may be gone)

    def take_over(self, started: tuple[float, float]) -> None:
        """It was an earlier program of this process that started."""
        self.at, self.time_of_day = started


@dataclass(frozen=True)
class Described:
    """What the status says beside what the fleet has.

    Attributes:
        app: What was typed.
        loaded: What a worker has told of the app it found; `None`: none has yet.
        templates: The processes that workers are forked from, by their generation, and how many
            bytes of each the supervisor has too, where that is known.
    """

    app: str | None
    loaded: Mapping[str, Any] | None
    listeners: Sequence[str]
    workers_reason: str
    control: str | None
    templates: Mapping[int, tuple[int, int | None]]


def server_status(
    fleet: Fleet, history: ReloadHistory, start: Start, described: Described, now: float
) -> ServerStatus:
    """The server as it is by now."""
    loaded = described.loaded or {}
    return ServerStatus(
        version=loaded.get("version") or installed_version(),
        pid=os.getpid(),
        app=loaded.get("name") or described.app or "",
        origin=loaded.get("origin"),
        folder=start.folder,
        state=_state(fleet),
        started_at=start.time_of_day,
        uptime_seconds=now - start.at,
        generation=fleet.serving.number if fleet.serving else None,
        workers_wanted=fleet.wanted,
        workers_reason=described.workers_reason,
        listeners=list(described.listeners),
        control=described.control,
        workers=[_worker(handle, now) for handle in fleet.workers],
        generations=_generations(fleet, described.templates),
        last_reload=history.last,
        restarts=dict(fleet.restarts),
        reloads=dict(history.outcomes),
    )


def installed_version() -> str:
    """The version of uncork, without the native core; empty when it is not installed."""
    from importlib import metadata  # noqa: PLC0415 (costs more memory than all the rest here)

    try:
        return metadata.version("uncork")
    except metadata.PackageNotFoundError:
        return ""


def _state(fleet: Fleet) -> ServerState:
    if fleet.is_ending:
        return "stopping"
    if not fleet.has_served:
        return "starting"
    is_old_left = any(worker.generation != _serving(fleet) for worker in fleet.workers)
    return "reloading" if fleet.coming or is_old_left else "serving"


def _serving(fleet: Fleet) -> int | None:
    return fleet.serving.number if fleet.serving else None


def _worker(handle: WorkerHandle, now: float) -> WorkerStatus:
    return WorkerStatus(
        pid=handle.pid,
        index=handle.index,
        generation=handle.generation,
        state=_WORKER_STATES[handle.state],
        age_seconds=now - handle.started_at,
        ready_seconds=None if handle.ready_at is None else now - handle.ready_at,
    )


def _generations(
    fleet: Fleet, templates: Mapping[int, tuple[int, int | None]]
) -> list[GenerationStatus]:
    numbers = {worker.generation for worker in fleet.workers}
    numbers |= {each.number for each in (fleet.serving, fleet.coming) if each}
    return [
        GenerationStatus(
            number,
            _generation_state(fleet, number),
            sum(worker.generation == number for worker in fleet.workers),
            *templates.get(number, (None, None)),
        )
        for number in sorted(numbers)
    ]


def _generation_state(fleet: Fleet, number: int) -> GenerationState:
    if number == _serving(fleet):
        return "serving"
    return "coming" if fleet.coming and number == fleet.coming.number else "old"
