"""The supervisor's side of the admin listener: binds it, keeps its process, and answers it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from uncork import console
from uncork.settings import Settings
from uncork.supervisor.admin.process import run_admin
from uncork.supervisor.banner import places_of
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import fork_process
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.status import AdminStatus, ServerStatus
from uncork.supervisor.titles import show_admin

# A scrape that runs may finish, for a second; one that does not end by then is killed.
_END_SECONDS = 2.0
# It takes a moment from the end of this process to the restart of the server.
_RESTART_SECONDS = 1.0


@dataclass(frozen=True)
class Observed:
    """The server that is told about.

    Attributes:
        settings: Those that hold.
        status: How it is.
        scoreboard: Where the workers show what they do.
    """

    settings: Callable[[], Settings]
    status: Callable[[], ServerStatus]
    scoreboard: Scoreboard


class AdminDuty(Duty):
    """The admin process, from the supervisor's side.

    Args:
        listeners: Where it listens, open already; they stay the caller's to close.
        observed: What it tells about.
        respawning: How long to wait before it is started again.
    """

    def __init__(self, listeners: Listeners, observed: Observed, respawning: Respawning) -> None:
        self._listeners = listeners
        self._observed = observed
        self._respawning = respawning
        self._owner = os.getpid()
        self._pid: int | None = None
        self._channel: Channel | None = None
        self._start_at: float | None = 0.0
        self._started_at = 0.0
        self._is_announced = False
        self._is_leaving = False
        self._kill_at: float | None = None

    def descriptors(self) -> Sequence[int]:
        """The channel."""
        return [self._channel.fileno()] if self._channel else []

    def on_readable(self, descriptor: int, now: float) -> None:
        """It asks, or has ended."""
        del descriptor, now
        if self._channel is None:
            return
        questions = self._channel.receive()
        if questions is None:
            self._close_channel()  # its death is told apart
        elif questions:
            self._channel.send(Message(Kind.TOLD, self._observed.status().facts()))

    def next_deadline(self) -> float | None:
        """When the process is to be started, or killed."""
        return self._start_at if self._pid is None else self._kill_at

    def on_time(self, now: float) -> None:
        """Starts the process, or kills one that was to end and does not.

        Raises:
            InProcess: This is it.
        """
        if self._pid is not None and self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            os.kill(self._pid, signal.SIGKILL)
        if self._pid is None and self._start_at is not None and now >= self._start_at:
            self._start_at = None
            self._start(now)

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Replaces the process."""
        if pid != self._pid:
            return False
        self._pid = self._kill_at = None
        self._close_channel()
        if self._is_leaving:
            self._is_leaving = False
            return True
        wait = self._respawning.seconds_after(now - self._started_at)
        then = f"the next try is in {wait:.1f} s" if wait else "another one takes its place"
        console.warn(f"the admin process (process {pid}) {death.text}; {then}")
        self._start_at = now + wait
        return True

    def described(self, status: ServerStatus, now: float) -> ServerStatus:
        """Names the process."""
        if self._pid is None:
            return status
        return replace(status, admin=AdminStatus(self._pid, now - self._started_at))

    def on_logs(self, message: Message) -> None:
        """Tells the process."""
        if self._channel is not None:
            self._channel.send(message)

    def let_go(self) -> bool:
        """Whether the process has ended; asks it to. Its listeners stay open."""
        now = time.monotonic()
        # Should nothing come of the restart, another one takes its place.
        self._start_at = now + _RESTART_SECONDS
        if self._pid is not None and not self._is_leaving:
            self._is_leaving, self._kill_at = True, now + _END_SECONDS
            if self._channel is not None:
                self._channel.send(Message(Kind.END))
        return self._pid is None

    def close(self) -> None:
        """Ends the process and waits for it; in any other process, lets go of it."""
        if self._pid is not None and os.getpid() == self._owner:
            if not self._has_ended_in_time():
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = None
        self._close_channel()

    def _has_ended_in_time(self) -> bool:
        if self._channel is None or not self._channel.send(Message(Kind.END)):
            return False
        deadline = time.monotonic() + _END_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            if self._channel.receive(left) is None:
                return True
        return False

    def _start(self, now: float) -> None:
        self._started_at = now
        descriptors: list[int] = []
        scoreboard, settings = self._observed.scoreboard, self._observed.settings()

        app = self._observed.status().app

        def run(channel: Channel) -> int:
            show_admin(app)
            return run_admin(channel, descriptors, scoreboard, settings)

        try:
            # Its own: what the supervisor has is closed in each new process.
            descriptors += [os.dup(descriptor) for descriptor in self._listeners.descriptors]
            self._announce()
            self._pid, self._channel = fork_process(run)
        except OSError as error:
            wait = self._respawning.seconds_after(None)
            why = (error.strerror or str(error)).lower()
            console.warn(f"the admin process could not be started: {why}; again in {wait:.1f} s")
            self._start_at = now + wait
        for descriptor in descriptors:
            os.close(descriptor)

    def _announce(self) -> None:
        if not self._is_announced:
            self._is_announced = True
            places = ", ".join(places_of(self._listeners, is_tls=False))
            console.say(f"health and metrics on {places}")

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
