"""The end of the server, from the wish on: a moment for load balancers, then the drain.

Who is asked to stop goes on for `drain_delay`, so that those in front may look elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from uncork import console
from uncork.supervisor.duty import Duty
from uncork.supervisor.fleet import Fleet
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.plans import Plans
from uncork.supervisor.reload_history import ReloadHistory
from uncork.supervisor.status import ServerStatus


class Stopping(Duty):
    """Ends the workers, the listeners and what else there is, when that is asked for.

    Args:
        plans: Say how long each part may take.
        fleet: Drained or stopped.
        listeners: Closed, so that nobody waits at them.
        reloads: One that is under way is given up.
        duties: Told of the end; there may come more.

    Attributes:
        patience_seconds: How long what runs has at the most, whatever the settings say; `None`:
            as long as they do.
    """

    def __init__(
        self,
        plans: Plans,
        fleet: Fleet,
        listeners: Listeners,
        reloads: ReloadHistory,
        duties: Sequence[Duty],
    ) -> None:
        self._plans = plans
        self._fleet = fleet
        self._listeners = listeners
        self._reloads = reloads
        self._duties = duties
        self.patience_seconds: float | None = None
        self._drain_at: float | None = None
        self._stop_at: float | None = None

    @property
    def is_asked(self) -> bool:
        """Whether the server is to stop, even if it goes on for a moment."""
        return self.is_delayed or self._fleet.is_ending

    @property
    def is_delayed(self) -> bool:
        """Whether the server is to stop, and goes on for a moment."""
        return self._drain_at is not None

    def described(self, status: ServerStatus, now: float) -> ServerStatus:
        """Says so as soon as it is asked for."""
        del now
        return replace(status, state="stopping") if self.is_delayed else status

    def drain_soon(self, now: float) -> bool:
        """Drains when `drain_delay` is over, or when it is asked for again; whether it waits."""
        delay = self._plans.newest_settings.drain_delay
        if self.is_delayed or not self._fleet.has_served or delay == 0:
            self._drain(now)
            return False
        self._drain_at = now + delay
        console.say(f"stopping in {delay:g} s; Ctrl+C again begins with it at once")
        return True

    def stop(self, now: float) -> None:
        """Ends all at once."""
        self._begin()
        self._fleet.stop(now)
        self._tell_duties(now, at_once=True)

    def next_deadline(self) -> float | None:
        """The end of the delay, or of the patience."""
        return self._stop_at if self._drain_at is None else self._drain_at

    def on_time(self, now: float) -> None:
        """Drains when the delay is over."""
        if self._drain_at is not None and now >= self._drain_at:
            self._drain(now)
        if self._stop_at is not None and now >= self._stop_at:
            self.stop(now)

    def _drain(self, now: float) -> None:
        if self._fleet.is_ending:
            self._drain_at = None
            return
        graceful_seconds = self._plans.newest_settings.graceful_timeout
        if self.patience_seconds is not None:
            graceful_seconds = min(graceful_seconds, self.patience_seconds)
            self._stop_at = now + graceful_seconds
        if self._fleet.has_served and graceful_seconds > 0:
            console.say(
                f"stopping: running requests have {graceful_seconds:g} s; "
                "Ctrl+C again stops at once"
            )
        # The workers have the sockets too, and close theirs: new connections are refused from
        # there on, instead of waiting for nobody.
        stop_at = self._stop_at
        self._begin()
        self._stop_at = stop_at
        self._fleet.drain(now)
        self._tell_duties(now, at_once=False)

    def _begin(self) -> None:
        self._drain_at = self._stop_at = None
        self._reloads.give_up("the server was asked to stop")
        self._listeners.close()

    def _tell_duties(self, now: float, *, at_once: bool) -> None:
        for duty in self._duties:
            duty.on_end(now, at_once=at_once)
