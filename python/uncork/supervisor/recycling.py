"""Has workers replaced that have served for long enough: by requests, by memory, by age.

It looks once a second, and only while there is a limit. How a worker is replaced, the fleet
decides: one at a time, and its successor serves before it goes.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from uncork.settings import Settings
from uncork.settings.quantities import format_duration, format_size
from uncork.supervisor.duty import Duty
from uncork.supervisor.worker_handle import State, WorkerHandle

_LOOK_SECONDS = 1.0
# Of `max_worker_age`: what it may become longer by.
_AGE_JITTER = 0.1


class Recycled(Protocol):
    """What of the fleet matters here."""

    @property
    def workers(self) -> Iterable[WorkerHandle]:
        """All of them."""

    def recycle(self, pid: int, setting: str, why: str, now: float) -> bool:
        """Whether the worker is being replaced from now on."""


@dataclass(frozen=True)
class Limits:
    """Those of one worker, with its share of chance; `None` is without a limit."""

    requests: int | None
    rss_bytes: int | None
    age_seconds: float | None

    @classmethod
    def drawn(cls, settings: Settings, chance: Callable[[], float]) -> Limits:
        """The limits that the settings give one more worker."""
        requests, age = settings.max_requests, settings.max_worker_age
        if requests is not None:
            requests += round(settings.max_requests_jitter * chance())
        if age is not None:
            age *= 1 + _AGE_JITTER * chance()
        return cls(requests, settings.max_rss, age)

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return (self.requests, self.rss_bytes, self.age_seconds) != (None, None, None)


class Recycling(Duty):
    """Watches the workers that serve.

    Args:
        fleet: The workers.
        settings_of: The settings of a generation.
        requests_of: How many requests the worker of that process id has answered.
        rss_of: How much memory a process has; `None` if that is not known.
        chance: A number from 0 to 1, another one each time.
    """

    def __init__(
        self,
        fleet: Recycled,
        settings_of: Callable[[int], Settings],
        requests_of: Callable[[int], int],
        *,
        rss_of: Callable[[int], int | None] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._fleet = fleet
        self._settings_of = settings_of
        self._requests_of = requests_of
        self._rss_of = rss_of or rss_bytes
        self._chance = chance
        self._limits: dict[int, Limits] = {}
        self._look_at: float | None = None

    def next_deadline(self) -> float | None:
        """When to look again."""
        return self._look_at

    def on_time(self, now: float) -> None:
        """Looks at each worker, when it is time; new ones are noticed whenever the loop turns."""
        ready = [worker for worker in self._fleet.workers if worker.state is State.READY]
        before = self._limits
        self._limits = {
            worker.pid: before.get(worker.pid) or self._draw(worker.generation) for worker in ready
        }
        if not any(limits.is_set for limits in self._limits.values()):
            self._look_at = None
        elif self._look_at is None:
            self._look_at = now + _LOOK_SECONDS
        elif now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            for worker in ready:
                self._judge(worker, self._limits[worker.pid], now)

    def _draw(self, generation: int) -> Limits:
        return Limits.drawn(self._settings_of(generation), self._chance)

    def _judge(self, worker: WorkerHandle, limits: Limits, now: float) -> None:
        why = self._excess(worker, limits, now)
        if why is not None:
            self._fleet.recycle(worker.pid, *why, now)

    def _excess(self, worker: WorkerHandle, limits: Limits, now: float) -> tuple[str, str] | None:
        """The setting that is exceeded, and by what, in words."""
        if limits.requests is not None:
            requests = self._requests_of(worker.pid)
            if requests >= limits.requests:
                return "max_requests", f"has answered {requests:,} requests"
        if limits.rss_bytes is not None:
            rss = self._rss_of(worker.pid)
            if rss is not None and rss > limits.rss_bytes:
                return "max_rss", f"has {format_size(_rounded(rss))} of memory"
        if limits.age_seconds is not None:
            age = now - (now if worker.ready_at is None else worker.ready_at)
            if age >= limits.age_seconds:
                return "max_worker_age", f"has served for {format_duration(float(round(age)))}"
        return None


def rss_bytes(pid: int) -> int | None:
    """How much of a process is in memory; `None` if it has gone, or where `/proc` tells nothing."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _rounded(size: int) -> int:
    """To a whole mebibyte, upwards."""
    return -(-size // 2**20) * 2**20
