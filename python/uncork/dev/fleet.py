"""Decides which workers there are while an app is developed: one, with the newest code.

A reload does not wait until the new code serves, nor does the old one go on if it does not: who
has saved a file wants to see what has come of it. What runs in the old worker may finish, and new
connections wait for the new one.
"""

from __future__ import annotations

from typing import Protocol

from uncork import console
from uncork.errors import EnvironmentProblem
from uncork.supervisor.deaths import Death
from uncork.supervisor.fleet import Fleet, Generation, Hands
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.worker_handle import State, WorkerHandle

_AGAIN_SECONDS = 1.0


class DevHands(Hands, Protocol):
    """What this fleet can do beside."""

    def died_loading(self, generation: int, death: Death) -> bool:
        """A worker died before it served; whether another generation is started for it."""


class DevFleet(Fleet):
    """The workers of a development server: see `Fleet`."""

    def __init__(self, first: Generation, hands: DevHands, respawning: Respawning) -> None:
        super().__init__(first, hands, respawning)
        self._dev_hands = hands

    def reload(self, generation: Generation, now: float) -> None:
        """Starts a worker with the code as it is by now; the one before takes nothing new."""
        if self._is_ending:
            return
        for worker in list(self._workers.values()):
            state = State.STOPPING if worker.state is State.BOOTING else State.DRAINING
            self._end_workers([worker], state, now)
        self._serving = self._previous = self._leaving = self._successor = None
        self._respawning.reset()
        self._coming = generation
        self._start_coming(now)

    def on_time(self, now: float) -> None:
        """Does what is due."""
        is_due = self._respawn_at is not None and now >= self._respawn_at
        super().on_time(now)
        if is_due and self._coming is not None and not self._is_ending:
            self._start_coming(now)

    def _start_coming(self, now: float) -> None:
        self._respawn_at = None
        try:
            self._spawn_first(now)
        except EnvironmentProblem as error:
            console.fail(error)
            self._respawn_at = now + _AGAIN_SECONDS

    def _replace(self, worker: WorkerHandle, death: Death, now: float) -> None:
        if worker.ready_at is None and self._dev_hands.died_loading(worker.generation, death):
            return
        super()._replace(worker, death, now)

    def _give_up_coming(self, worker: WorkerHandle, death: Death) -> None:
        if not self._dev_hands.died_loading(worker.generation, death):
            super()._give_up_coming(worker, death)
