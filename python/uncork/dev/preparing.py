"""The prepared process, as the supervisor knows it: made when a worker serves, for the next one.

Most of the time that an app takes to start goes into modules of others, which do not change while
one develops. There is none where the system lacks what it takes, and none when those modules
start threads or open connections; then workers are started from scratch.
"""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from uncork.dev.prepared_modules import Wanted, stamp
from uncork.dev.prepared_process import Work, run_prepared
from uncork.supervisor.channel import Channel, Kind
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import Post, fork_process
from uncork.supervisor.orphans import adopt_orphans
from uncork.supervisor.templates import fork_from

# The worker's first answers come first.
_DELAY_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class _State:
    """What a process was prepared for; another one is needed when any of it is different."""

    wanted: Wanted
    environ: Mapping[str, str]
    stamp: tuple[tuple[str, int], ...]

    def does_for(self, other: _State) -> bool:
        is_same = self.environ == other.environ and self.stamp == other.stamp
        return is_same and other.wanted.is_covered_by(self.wanted)


class Preparing(Duty):
    """Keeps at most one prepared process.

    Args:
        work: What a worker does that is forked from it.
        hosts: Where the server listens by now; that process has no listeners.
    """

    def __init__(self, work: Work, hosts: Callable[[], Sequence[str]]) -> None:
        self._work = work
        self._hosts = hosts
        self._owner = os.getpid()
        self._next: _State | None = None
        self._due: float | None = None
        self._made: _State | None = None
        self._refused: _State | None = None
        self._pid: int | None = None
        self._channel: Channel | None = None
        self._is_ready = False
        self._ended: set[int] = set()

    def prepare(self, wanted: Wanted, environ: Mapping[str, str], now: float) -> None:
        """Has a process made for workers like the one that has told this, unless there is one."""
        state = _State(wanted, environ, stamp())
        due, self._next, self._due = self._due, None, None
        for known in (self._made, self._refused):
            if known is not None and known.does_for(state):
                return
        if wanted.is_possible and not wanted.is_shadowed() and adopt_orphans():
            # Who saves all the time gets one as well.
            self._next, self._due = state, now + _DELAY_SECONDS if due is None else due

    def spawn(self, post: Post, environ: Mapping[str, str]) -> tuple[int, Channel] | None:
        """A new worker's process id and channel; `None`: it has to be started from scratch.

        Raises:
            OSError: The machine refuses a process or descriptors.
        """
        made = self._made
        if made is None or not self._is_ready or self._channel is None:
            return None
        if made.environ != environ or made.stamp != stamp() or made.wanted.is_shadowed():
            self._end()
            return None
        try:
            facts = {"post": dataclasses.asdict(post), "hosts": self._hosts()}
            return fork_from(self._channel, facts)
        except (TimeoutError, EOFError):
            self._end()
            return None

    def descriptors(self) -> Sequence[int]:
        """The channel."""
        return [] if self._channel is None else [self._channel.fileno()]

    def on_readable(self, descriptor: int, now: float) -> None:
        """It has imported all that, or can't be forked from, or has ended."""
        del now
        if self._channel is None or self._channel.fileno() != descriptor:
            return
        messages = self._channel.receive()
        if messages is None:
            self._refused = self._made
            self._end()
            return
        for message in messages:
            self._is_ready = self._is_ready or message.kind is Kind.PRELOADED
            if message.kind is Kind.REFUSED:
                self._refused = self._made

    def next_deadline(self) -> float | None:
        """When the next one is to be made."""
        return self._due

    def on_time(self, now: float) -> None:
        """Makes it.

        Raises:
            InProcess: This is it.
        """
        if self._due is None or now < self._due or self._next is None:
            return
        state, self._next, self._due = self._next, None, None
        self._end()

        def run(channel: Channel) -> int:
            return run_prepared(channel, state.wanted, state.environ, self._work)

        with suppress(OSError):  # it would only have saved time
            self._pid, self._channel = fork_process(run)
            self._made = state

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Whether it was a prepared process."""
        del death, now
        if pid == self._pid:
            self._refused = self._made
            self._pid = None
            self._end()
            return True
        is_own = pid in self._ended
        self._ended.discard(pid)
        return is_own

    def on_end(self, now: float, *, at_once: bool) -> None:
        """There are no more workers."""
        del now, at_once
        self._next = self._due = None
        self._end()

    def close(self) -> None:
        """Ends the process; in any other process, lets go of it."""
        if os.getpid() == self._owner:
            self._end()
            for pid in self._ended:
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)
            self._ended.clear()
        elif self._channel is not None:
            self._channel.close()

    def _end(self) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)  # it has nothing to finish
            self._ended.add(self._pid)
        if self._channel is not None:
            self._channel.close()
        self._pid, self._channel, self._made, self._is_ready = None, None, None, False


def post_of(facts: Mapping[str, Any]) -> Post:
    """What a worker is to be, as it came in the message."""
    return Post(**facts)
