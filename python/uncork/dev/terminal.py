r"""The terminal that the server was started in, and the mode that it is in.

While keys are listened to, each key comes at once and is not shown; Ctrl+C, Ctrl+\ and Ctrl+Z stay
signals, and what is printed is not touched. The terminal is left as it was found: at the end,
while the server is stopped (Ctrl+Z), and while a worker asks somebody something.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from types import FrameType
from typing import Any, Self

_READ_BYTES = 1024
_LOCAL_MODES = 3  # of what `tcgetattr` gives
_CONTROL_CHARACTERS = 6


class Place(Enum):
    """Where this process is, as a shell sees it."""

    FOREGROUND = "what is typed is for it"
    BACKGROUND = "what is typed is for others"
    GONE = "there is no terminal any more"


class Terminal:
    """The terminal at stdin; no method stops this process for being in the background.

    Args:
        descriptor: Of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._process = os.getpid()
        # As it was found; `None`: in the background, it is others who set it.
        self._found: list[Any] | None = None
        self._is_lent = False
        # SIGCONT wakes the loop, and that looks where it is.
        self._handlers = {signal.SIGCONT: signal.signal(signal.SIGCONT, _hear)}
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._stop)

    @classmethod
    def of_this_process(cls) -> Self | None:
        """The terminal, if there is one to read from and to tell something to."""
        try:
            descriptor = sys.stdin.fileno()
            if not (os.isatty(descriptor) and os.isatty(sys.stderr.fileno())):
                return None
            os.tcgetpgrp(descriptor)  # raises if it is not the one that sends the signals
        except (OSError, ValueError, AttributeError):
            return None
        return cls(descriptor)

    def look(self) -> Place:
        """Where this process is by now."""
        try:
            group = os.tcgetpgrp(self._descriptor)
        except OSError:
            return Place.GONE
        if group == os.getpgrp():
            return Place.FOREGROUND
        self._found = None
        return Place.BACKGROUND

    def fileno(self) -> int:
        """What to poll."""
        return self._descriptor

    def read(self) -> bytes | None:
        """What was typed, in the foreground; `None`: the terminal has gone."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        with _background_signals_waiting():
            try:
                if not any(event & select.POLLIN for _, event in poll.poll(0)):
                    return b"" if self.look() is not Place.GONE else None
                return os.read(self._descriptor, _READ_BYTES) or None
            except OSError:
                # EIO, of a terminal that has gone, and in the background.
                return None if self.look() is Place.GONE else b""

    def listen(self) -> None:
        """Has keys come at once, in the foreground."""
        self._is_lent = False
        self._set(self._listening())

    def lend(self) -> None:
        """Has it as it was found, for somebody else to read, in the foreground."""
        if not self._is_lent:
            self._listening()  # which finds out how it was
            self._set(self._found)
        self._is_lent = True

    def close(self) -> None:
        """Leaves it as it was found; in another process, only hears of nothing any more."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if os.getpid() == self._process and self.look() is Place.FOREGROUND:
            self._set(self._found)

    def _listening(self) -> list[Any] | None:
        if self._found is None:
            with suppress(termios.error):
                self._found = termios.tcgetattr(self._descriptor)
        if self._found is None:
            return None
        attributes = [*self._found]
        attributes[_LOCAL_MODES] &= ~(termios.ICANON | termios.ECHO)
        attributes[_LOCAL_MODES] |= termios.ISIG
        characters = [*attributes[_CONTROL_CHARACTERS]]
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        attributes[_CONTROL_CHARACTERS] = characters
        return attributes

    def _set(self, attributes: list[Any] | None) -> None:
        if attributes is None:
            return
        # Others write meanwhile, and what was typed stays to be read: so neither is waited for.
        with _background_signals_waiting(), suppress(termios.error):
            if termios.tcgetattr(self._descriptor) != attributes:
                termios.tcsetattr(self._descriptor, termios.TCSANOW, attributes)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Ctrl+Z: stops as any process does, and leaves the terminal as any does."""
        del frame
        before = None
        if os.getpid() == self._process and self.look() is Place.FOREGROUND:
            with suppress(termios.error):
                before = termios.tcgetattr(self._descriptor)
            self._set(self._found)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Here it goes on: in the foreground, or in the background.
        signal.signal(number, self._stop)
        if os.getpid() == self._process and self.look() is Place.FOREGROUND:
            if self._is_lent:
                self._set(before)  # who reads it was in the midst of it
            else:
                self._found = None


@contextmanager
def _background_signals_waiting() -> Iterator[None]:
    """In the background, reading fails then, and setting works, instead of stopping this process.

    See `tcsetattr(3)`; between a look at where this process is and the call, that may change.
    """
    numbers = (signal.SIGTTIN, signal.SIGTTOU)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _hear(number: int, frame: FrameType | None) -> None:
    del number, frame  # C has written it into the pipe by now
