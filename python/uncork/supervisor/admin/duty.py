"""The supervisor's side of the admin listener: binds it, keeps its process, and answers it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence

from uncork import console
from uncork.supervisor.admin.process import run_admin
from uncork.supervisor.banner import places_of
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import fork_process
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.status import ServerStatus

# A scrape that runs may finish, for a second.
_END_SECONDS = 2.0


class AdminDuty(Duty):
    """The admin process, from the supervisor's side.

    Args:
        listeners: Where it listens, open already; they stay the caller's to close.
        status: How the server is.
        scoreboard: Where the workers show what they do.
        respawning: How long to wait before it is started again.
    """

    def __init__(
        self,
        listeners: Listeners,
        status: Callable[[], ServerStatus],
        scoreboard: Scoreboard,
        respawning: Respawning,
    ) -> None:
        self._listeners = listeners
        self._status = status
        self._scoreboard = scoreboard
        self._respawning = respawning
        self._owner = os.getpid()
        self._pid: int | None = None
        self._channel: Channel | None = None
        self._start_at: float | None = 0.0
        self._is_announced = False
        self._started_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._pid

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
            self._channel.send(Message(Kind.TOLD, self._status().facts()))

    def next_deadline(self) -> float | None:
        """When the process is to be started."""
        return self._start_at

    def on_time(self, now: float) -> None:
        """Starts the process.

        Raises:
            InProcess: This is it.
        """
        if self._start_at is not None and now >= self._start_at:
            self._start_at = None
            self._start(now)

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Replaces the process."""
        if pid != self._pid:
            return False
        self._pid = None
        self._close_channel()
        wait = self._respawning.seconds_after(now - self._started_at)
        then = f"the next try is in {wait:.1f} s" if wait else "another one takes its place"
        console.warn(f"the admin process (process {pid}) {death.text}; {then}")
        self._start_at = now + wait
        return True

    def close(self) -> None:
        """Ends the process and waits for it; in any other process, lets go of it."""
        channel, self._channel = self._channel, None
        if channel is None:
            return
        if self._pid is not None and os.getpid() == self._owner:
            channel.send(Message(Kind.END))
            deadline = time.monotonic() + _END_SECONDS
            while (left := deadline - time.monotonic()) > 0:
                if channel.receive(left) is None:
                    break
            else:
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = None
        channel.close()

    def _start(self, now: float) -> None:
        self._started_at = now
        descriptors: list[int] = []
        scoreboard = self._scoreboard

        def run(channel: Channel) -> int:
            return run_admin(channel, descriptors, scoreboard)

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
