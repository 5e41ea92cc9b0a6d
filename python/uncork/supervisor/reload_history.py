"""The reloads that were tried, and what became of each: for whoever waits, and for the status."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from uncork.errors import EnvironmentProblem, UncorkError
from uncork.supervisor.error_facts import facts_of_error
from uncork.supervisor.status import ReloadOutcome, ReloadStatus

_REMEMBERED = 32


class ReloadHistory:
    """What became of the last reloads.

    Args:
        clock: The time of day, in seconds since 1970.

    Attributes:
        outcomes: How many have ended, of all that there ever were, by their outcome.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.outcomes: Counter[str] = Counter()
        self._clock = clock
        self._reloads: list[ReloadStatus] = []

    @property
    def last(self) -> ReloadStatus | None:
        """The one that was tried last; `None`: there was none."""
        return self._reloads[-1] if self._reloads else None

    def of(self, generation: int) -> ReloadStatus | None:
        """The try of a generation; `None` when it is not remembered."""
        return next((each for each in self._reloads if each.generation == generation), None)

    def began(self, generation: int) -> None:
        """A generation is tried; it takes the place of one that is being tried still."""
        self.give_up("another reload has taken its place")
        self._remember(ReloadStatus(generation, "running", self._clock()))

    def done(self, generation: int) -> None:
        """The generation has taken over."""
        self._end(generation, None)

    def failed(self, generation: int, error: UncorkError) -> None:
        """The generation was given up."""
        self._end(generation, error)

    def refused(self, error: UncorkError) -> None:
        """A reload was asked for, and there was nothing to be tried."""
        facts = facts_of_error(error)
        self.outcomes["failed"] += 1
        self._remember(ReloadStatus(None, "failed", self._clock(), 0.0, facts))

    def give_up(self, cause: str) -> None:
        """What is being tried comes to nothing, for a reason that is not the app's."""
        last = self.last
        if last is not None and last.generation is not None and last.outcome == "running":
            self._end(last.generation, EnvironmentProblem("the reload was given up", cause=cause))

    def _end(self, generation: int, error: UncorkError | None) -> None:
        for place, each in enumerate(self._reloads):
            if each.generation == generation and each.outcome == "running":
                outcome: ReloadOutcome = "done" if error is None else "failed"
                self.outcomes[outcome] += 1
                self._reloads[place] = replace(
                    each,
                    outcome=outcome,
                    seconds=max(0.0, self._clock() - each.began_at),
                    error=None if error is None else facts_of_error(error),
                )

    def _remember(self, reload: ReloadStatus) -> None:
        self._reloads = [*self._reloads[1 - _REMEMBERED :], reload]
