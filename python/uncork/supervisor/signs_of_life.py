"""Watches the workers' signs of life on the scoreboard, and has those replaced that hang.

Two of them a worker writes without its interpreter: that its loop turns, and since when it has
waited for the interpreter while requests ran. A third is how many requests are over their time
and do not end. What a worker that was stopped can't write, is missed here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from uncork.settings import Settings
from uncork.supervisor.duty import Duty
from uncork.supervisor.scoreboard import Phase, Scoreboard, WorkerFigures

_LOOK_SECONDS = 1.0
# Who has not looked for so long was stopped as well, and so were its workers, perhaps: they are
# given their time anew.
_OWN_PAUSE_SECONDS = 3.0


class Workers(Protocol):
    """What can be done to a worker: see `Fleet`."""

    def retire(self, pid: int, setting: str, why: str, now: float) -> bool:
        """Has a worker finish what it has and take nothing new; another one takes its place."""

    def give_up(self, pid: int, why: str, now: float) -> None:
        """Has a worker that hangs dumped and killed; another one takes its place at once."""


class SignsOfLife(Duty):
    """Looks once a second.

    Args:
        scoreboard: Where the workers show them.
        workers: Acts upon them.
        settings_of: The settings of a generation.
    """

    def __init__(
        self, scoreboard: Scoreboard, workers: Workers, settings_of: Callable[[int], Settings]
    ) -> None:
        self._scoreboard = scoreboard
        self._workers = workers
        self._settings_of = settings_of
        self._looked_at = self._waits_from = time.monotonic()
        self._limits: dict[int, float | None] = {}
        self._given_up: set[int] = set()

    def next_deadline(self) -> float | None:
        """When to look next."""
        return self._looked_at + _LOOK_SECONDS

    def on_time(self, now: float) -> None:
        """Looks at each worker."""
        if now < self._looked_at + _LOOK_SECONDS:
            return
        if now - self._looked_at > _LOOK_SECONDS + _OWN_PAUSE_SECONDS:
            self._waits_from = now
        self._looked_at = now
        figures = [self._scoreboard.worker(row) for row in self._scoreboard.rows]
        self._given_up &= {worker.pid for worker in figures}
        for worker in figures:
            if worker.phase in (Phase.SERVING, Phase.DRAINING) and worker.pid not in self._given_up:
                self._look_at(worker, now)

    def _look_at(self, worker: WorkerFigures, now: float) -> None:
        limit = self._limit_of(worker.generation)
        for since, what in (
            (worker.heartbeat, "has not turned its loop"),
            (worker.interpreter_asked, "could not have its interpreter"),
        ):
            silent = 0.0 if since is None else now - max(since, self._waits_from)
            if limit is not None and silent > limit:
                self._given_up.add(worker.pid)
                why = f"{what} for {silent:.1f} s (`heartbeat_timeout`)"
                self._workers.give_up(worker.pid, why, now)
                return
        if worker.stuck_threads and worker.phase is Phase.SERVING:
            count = worker.stuck_threads
            requests = "1 request that does" if count == 1 else f"{count} requests that do"
            self._workers.retire(worker.pid, "request_timeout", f"has {requests} not end", now)

    def _limit_of(self, generation: int) -> float | None:
        """Kept, for an old generation lives on for a while when its settings are gone."""
        if generation not in self._limits:
            try:
                self._limits[generation] = self._settings_of(generation).heartbeat_timeout
            except LookupError:
                return None  # it was given up, or replaced, as soon as it served
        return self._limits[generation]
