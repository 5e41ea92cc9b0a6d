"""Shows where a worker is that still loads its app and can't say so itself, before it is killed.

Most workers end themselves at `boot_timeout`, and tell why (`boot_watch.py`). One whose
interpreter is held by code in C can't; `faulthandler` writes its stacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from uncork import console
from uncork.errors import AppError, UncorkError
from uncork.settings import Settings
from uncork.supervisor.duty import Duty
from uncork.supervisor.stack_inquiries import Inquiry, StackInquiries
from uncork.supervisor.worker_handle import State, WorkerHandle

# Until then, a worker has said it itself; a dump then comes well before the kill.
_PATIENCE_SECONDS = 1.0


class Booting(Protocol):
    """The server whose workers are watched."""

    @property
    def fleet(self) -> Workers:
        """Its workers."""

    def note_failure(self, pid: int, error: UncorkError) -> None:
        """Takes what is wrong with a worker."""


class Workers(Protocol):
    """A fleet."""

    @property
    def workers(self) -> Iterable[WorkerHandle]:
        """All that there are."""


class StuckBoots(Duty):
    """Asks each worker that takes too long, once.

    Args:
        server: Whose workers.
        settings_of: The settings of a generation.
        stacks: Asks them.
    """

    def __init__(
        self, server: Booting, settings_of: Callable[[int], Settings], stacks: StackInquiries
    ) -> None:
        self._server = server
        self._settings_of = settings_of
        self._stacks = stacks
        self._asked: dict[int, Inquiry | None] = {}

    def next_deadline(self) -> float | None:
        """When the next one has taken too long."""
        times = [self._asked_at(each) for each in self._booting() if each.pid not in self._asked]
        return min(times, default=None)

    def on_time(self, now: float) -> None:
        """Asks, and tells what came of it."""
        for worker in list(self._booting()):
            if worker.pid not in self._asked and now >= self._asked_at(worker):
                self._asked[worker.pid] = self._stacks.inquire(worker.pid, now)
            inquiry = self._asked.get(worker.pid)
            if inquiry is not None and inquiry.facts is not None:
                self._asked[worker.pid] = None
                self._tell(worker, inquiry.facts)

    def on_worker_death(self, pid: int) -> None:
        """There is nobody to be asked any more."""
        self._asked.pop(pid, None)

    def _booting(self) -> Iterable[WorkerHandle]:
        return (each for each in self._server.fleet.workers if each.state is State.BOOTING)

    def _asked_at(self, worker: WorkerHandle) -> float:
        return worker.started_at + self._boot_seconds(worker) + _PATIENCE_SECONDS

    def _boot_seconds(self, worker: WorkerHandle) -> float:
        return self._settings_of(worker.generation).boot_timeout

    def _tell(self, worker: WorkerHandle, facts: Mapping[str, Any]) -> None:
        if facts["told_by"] == "worker":
            return  # it is about to say it itself
        stacks = [each["stack"] for each in facts["threads"] if each["role"] in ("app", "main")]
        error = AppError(
            f"the app was not loaded within {self._boot_seconds(worker):g} s",
            details="".join(stacks) or None,
            cause=facts["why"],
            hints=("if it needs longer, raise `boot_timeout`: `--boot-timeout 5m`",),
        )
        console.fail(error)
        self._server.note_failure(worker.pid, error)
