"""When a worker that has died gets its successor.

At once, if it had served for a while: clients wait. One that dies while it loads the app, or as
soon as it serves, is likely to do so again; then each further try waits twice as long as the one
before, and a little more or less, so that servers which began together do not go on together.
"""

from __future__ import annotations

import random
from collections.abc import Callable

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0
_JITTER = 0.25
# Who has served for this long was not bound to die.
_SOUND_SECONDS = 1.0
# As often, one that died as soon as it served is replaced at once: somebody may kill workers.
_FREE_DEATHS = 3


class Respawning:
    """How long to wait, from what has died so far.

    Args:
        chance: A number from 0 to 1, another one each time.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._boot_deaths = 0
        self._early_deaths = 0

    @property
    def is_cautious(self) -> bool:
        """Whether one worker after the other is tried, instead of all that are missing."""
        return self._boot_deaths + self._early_deaths > 0

    def seconds_after(self, served_seconds: float | None) -> float:
        """How long to wait after a death; `None`: it never served."""
        if served_seconds is not None and served_seconds >= _SOUND_SECONDS:
            self._boot_deaths = self._early_deaths = 0
            return 0.0
        if served_seconds is None:
            self._boot_deaths += 1
        else:
            self._early_deaths += 1
        doublings = self._boot_deaths + max(0, self._early_deaths - _FREE_DEATHS) - 1
        if doublings < 0:
            return 0.0
        seconds = min(_LONGEST_SECONDS, _FIRST_SECONDS * (1 << min(doublings, 10)))
        return seconds * (1 + _JITTER * (2 * self._chance() - 1))

    def reset(self) -> None:
        """Forgets what has died: what is started from now on is other code."""
        self._boot_deaths = self._early_deaths = 0
