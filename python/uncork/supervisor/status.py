"""What a server is and does by now, as facts: for `uncork status`, metrics, and service managers.

Made by the supervisor, told as JSON, and read back by whoever asked. What a newer server tells
beyond this is passed over, and what an older one does not tell has its default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

ServerState = Literal["starting", "serving", "reloading", "stopping"]
WorkerState = Literal["booting", "ready", "draining", "stopping", "killed"]
GenerationState = Literal["coming", "serving", "old"]
OnceState = Literal["waiting", "running", "ending", "killed", "finished"]
ReloadOutcome = Literal["running", "done", "failed"]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Load:
    """What a worker, or all of them together, are at by now and have done.

    Attributes:
        requests: That have ended.
        running: Requests that have begun and not ended.
        errors: Of those that have ended, the ones that were answered with 5xx.
        aborted: Of those that have ended, the ones whose client has not got a whole answer.
        queue: Requests that wait for a thread.
        busy_threads: Threads that are inside the app.
    """

    requests: int
    running: int
    errors: int
    aborted: int
    bytes_sent: int
    connections: int
    queue: int
    threads: int
    busy_threads: int


@dataclass(frozen=True)
class WorkerStatus:
    """One worker.

    Attributes:
        index: Its place among the workers of its generation, from 0 on.
        age_seconds: Since its process was started.
        ready_seconds: Since it began to serve; `None`: it has not yet.
        load: `None`: not looked up, or not known.
    """

    pid: int
    index: int
    generation: int
    state: WorkerState
    age_seconds: float
    ready_seconds: float | None = None
    load: Load | None = None


@dataclass(frozen=True)
class OnceStatus:
    """A process that runs once beside the workers.

    Attributes:
        run: The function or the command.
        pid: `None`: there is no process now.
        age_seconds: Since its process was started; `None` without one.
        restarts: How often it was started again because it had ended by itself.
    """

    name: str
    run: str
    pid: int | None
    state: OnceState
    age_seconds: float | None
    restarts: int


@dataclass(frozen=True)
class AdminStatus:
    """The process that answers for health and metrics."""

    pid: int
    age_seconds: float


@dataclass(frozen=True)
class GenerationStatus:
    """One loading of the code that has workers still, or is about to get the first.

    Attributes:
        workers: How many there are now, in whatever state.
        template: The process that its workers are forked from; `None`: they load the app.
        from_supervisor: How many bytes of it the supervisor has too; `None`: it is not known.
    """

    number: int
    state: GenerationState
    workers: int
    template: int | None = None
    from_supervisor: int | None = None


@dataclass(frozen=True)
class ReloadStatus:
    """One try to load the code anew.

    Attributes:
        generation: The number that was tried; `None`: it did not come to that.
        began_at: In seconds since 1970.
        seconds: How long it took; `None` while it runs.
        error: Why it failed, as `error_facts` has it.
    """

    generation: int | None
    outcome: ReloadOutcome
    began_at: float
    seconds: float | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ServerStatus:
    """One server.

    Attributes:
        version: Of uncork.
        pid: Of the supervisor.
        app: What is served, as in `hello:app`, or what was typed until that is known.
        origin: Where the app is from; `None` until it is known.
        folder: Where the server was started.
        started_at: In seconds since 1970.
        generation: The number of the one that serves; `None`: none does yet.
        workers_wanted: How many are to serve.
        workers_reason: Why so many.
        listeners: Where it listens, as the banner has it.
        control: Where the control socket is; `None`: nowhere.
        restarts: How often a worker was replaced, by the reason.
        reloads: How many reloads have ended, by their outcome.
        load: Of all workers, those that are gone included; `None`: not looked up.
        once: The processes that run once beside the workers.
        admin: `None`: there is no such process, or none now.
    """

    version: str
    pid: int
    app: str
    origin: str | None
    folder: str
    state: ServerState
    started_at: float
    uptime_seconds: float
    generation: int | None
    workers_wanted: int
    workers_reason: str
    listeners: Sequence[str] = ()
    control: str | None = None
    workers: Sequence[WorkerStatus] = ()
    generations: Sequence[GenerationStatus] = ()
    last_reload: ReloadStatus | None = None
    restarts: Mapping[str, int] = field(default_factory=dict)
    reloads: Mapping[str, int] = field(default_factory=dict)
    load: Load | None = None
    once: Sequence[OnceStatus] = ()
    admin: AdminStatus | None = None

    def facts(self) -> dict[str, Any]:
        """What `from_facts` makes the same status of, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> ServerStatus:
        """The status that was told.

        Raises:
            TypeError: Those are not the facts of a status.
        """
        known = _known(cls, facts)
        known["workers"] = [_with_load(WorkerStatus, f) for f in facts["workers"]]
        known["generations"] = [
            GenerationStatus(**_known(GenerationStatus, f)) for f in facts["generations"]
        ]
        known["once"] = tuple(OnceStatus(**_known(OnceStatus, f)) for f in facts.get("once", ()))
        if (admin := facts.get("admin")) is not None:
            known["admin"] = AdminStatus(**_known(AdminStatus, admin))
        if (last := facts.get("last_reload")) is not None:
            known["last_reload"] = ReloadStatus(**_known(ReloadStatus, last))
        return _with_load(cls, known)


def _with_load(kind: Callable[..., _T], facts: Mapping[str, Any]) -> _T:
    known = _known(kind, facts)
    if (load := facts.get("load")) is not None:
        known["load"] = Load(**_known(Load, load))
    return kind(**known)


def _known(kind: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in dataclasses.fields(kind)}
    return {name: value for name, value in facts.items() if name in names}
