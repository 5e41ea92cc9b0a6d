"""The moment between the wish to stop and the drain, for load balancers to look elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from uncork.supervisor.duty import Duty


class DrainDelay(Duty):
    """Calls `drain` with the time when the delay is over."""

    def __init__(self, drain: Callable[[float], None]) -> None:
        self._drain = drain
        self._until: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether a stop was asked for, and the server goes on for a moment."""
        return self._until is not None

    def begin(self, until: float) -> None:
        """Begins the delay."""
        self._until = until

    def cancel(self) -> None:
        """Whoever calls it drains, or stops, at once."""
        self._until = None

    def next_deadline(self) -> float | None:
        """The end of the delay."""
        return self._until

    def on_time(self, now: float) -> None:
        """Drains when the delay is over."""
        if self._until is not None and now >= self._until:
            self._until = None
            self._drain(now)
