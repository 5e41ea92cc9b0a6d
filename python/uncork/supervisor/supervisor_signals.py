"""The supervisor's ear: signals become bytes in a pipe, which its loop polls.

No thread and no code of anybody else's is here, so it needs none of the care that a worker's
`SignalActions` takes. A worker is forked while signals wait, and hears the first one when its
own handlers are in place.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Self

from uncork.supervisor.signals import ACTIONS, Action, Stops

_READ_BYTES = 512


class SupervisorSignals:
    """Hears the signals of `ACTIONS`, and the deaths of workers, while its `with` block runs."""

    def __init__(self) -> None:
        self._stops = Stops()
        self._count = 0
        self._was_stop_asked = False
        self._process = os.getpid()

    @property
    def is_stop_asked(self) -> bool:
        """Whether a stop of either kind was asked for so far."""
        return self._was_stop_asked

    def note_stop(self) -> None:
        """A stop was asked for by something that is no signal."""
        self._was_stop_asked = True

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._descriptor_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before: dict[int, Any] = {
            number: signal.signal(number, _hear) for number in (*ACTIONS, signal.SIGCHLD)
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_parent = os.getpid() == self._process
        for number, handler in self._before.items():
            if is_parent and self._was_stop_asked and number in ACTIONS:
                # What comes now is the interpreter's end; a stop that is asked for once more
                # would make a failure of it.
                signal.signal(number, signal.SIG_IGN)
            elif handler is not None:
                signal.signal(number, handler)
        signal.set_wakeup_fd(self._descriptor_before)
        os.close(self._reader)
        os.close(self._writer)

    def count_anew(self) -> None:
        """Has the next stop that is asked for be the first one again."""
        self._count = 0

    def hold(self) -> bool:
        """Has signals wait, for another program or for `hear_from_here`.

        `False`: some were heard already and are to be attended to; then none waits.
        """
        numbers = (*ACTIONS, signal.SIGCHLD)
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        if poll.poll(0):
            hear_from_here()
            return False
        return True

    def fileno(self) -> int:
        """Readable when there is something to hear."""
        return self._reader

    def heard(self) -> Iterator[Action]:
        """What was asked for since one listened last; the second stop is one at once."""
        try:
            numbers = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return
        for number in numbers:
            action = ACTIONS.get(number)
            if action in (Action.DRAIN, Action.STOP):
                if self._stops.count(number):
                    self._count += 1
                    self._was_stop_asked = True
                    yield Action.STOP if self._count > 1 else action
            elif action is not None:
                yield action


def fork_with_signals_waiting(fork: Callable[[], int]) -> int:
    """What `fork` returns; in the child the signals wait until `hear_from_here` is called."""
    numbers = (*ACTIONS, signal.SIGCHLD)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    pid = fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid


def hear_from_here() -> None:
    """Lets the signals in that have waited since the fork."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*ACTIONS, signal.SIGCHLD))


def _hear(number: int, frame: FrameType | None) -> None:
    del number, frame  # C has written it into the pipe by now
