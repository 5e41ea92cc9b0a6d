"""Where `uncork top` shows what it shows: a terminal, which is left as it was, or plain output."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from uncork import console

_OWN_SCREEN, _USUAL_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_ENDS = (signal.SIGTERM, signal.SIGHUP)
_LEAVE = b"qQ\x03\x04"

Draw = Callable[[int, int], str]
"""The text for so many columns and rows."""


def screen() -> Screen | Plain:
    """The terminal, if there is one at both ends that can show more than lines."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return Screen() if is_terminal and os.environ.get("TERM", "dumb") != "dumb" else Plain()


class Plain:
    """Output that is a file or a pipe, or a terminal that can't do more."""

    is_plain = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        return kind is KeyboardInterrupt

    def show(self, draw: Draw) -> None:
        """Prints it, as wide and long as it likes."""
        console.out(draw(sys.maxsize, sys.maxsize))

    def wait(self, seconds: float) -> bool:
        """Whether there is still somebody who reads, after so long."""
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # an error is told all the same
        return not poll.poll(seconds * 1000)


class Screen:
    """A terminal's second screen, for a `with` block; the first one is there again behind it.

    Whichever way it is left: by a key, Ctrl+C, an error, TERM, HUP; and while it is stopped.
    """

    is_plain = False

    def __enter__(self) -> Self:
        self._input = sys.stdin.fileno()
        self._draw: Draw | None = None
        self._attributes = termios.tcgetattr(self._input)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        handlers = {
            signal.SIGWINCH: _wake,
            signal.SIGTSTP: self._stop,
            **dict.fromkeys(_ENDS, _end),
        }
        self._handlers = {number: signal.signal(number, each) for number, each in handlers.items()}
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._leave()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._reader)
        os.close(self._writer)
        return kind is KeyboardInterrupt

    def show(self, draw: Draw) -> None:
        """Shows it, and again when the terminal gets another size."""
        self._draw = draw
        self._redraw()

    def wait(self, seconds: float) -> bool:
        """Whether nobody wanted to leave, after so long."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(self._input, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                if descriptor == self._reader:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._reader, 512)
                    self._redraw()
                elif not self._goes_on():
                    return False
        return True

    def _goes_on(self) -> bool:
        try:
            keys = os.read(self._input, 512)
        except OSError:
            return False  # the terminal has gone
        return bool(keys) and not any(key in _LEAVE for key in keys)

    def _redraw(self) -> None:
        if self._draw is None:
            return
        columns, rows = _size()
        lines = self._draw(columns, rows).split("\n")[:rows]
        # Nothing behind the last line: a new line there would move all of them up.
        text = f"{_REST_OF_LINE}\n".join(line[:columns] for line in lines)
        console.draw(f"{_HOME}{text}{_REST_OF_LINE}{_REST_OF_SCREEN}")

    def _begin(self) -> None:
        tty.setcbreak(self._input)
        console.draw(_OWN_SCREEN)

    def _leave(self) -> None:
        console.draw(_USUAL_SCREEN)
        with contextlib.suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._attributes)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Ctrl+Z: the shell has the terminal as it was, until this goes on."""
        del number, frame
        self._leave()
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, before)
        self._begin()
        self._redraw()


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    # A terminal that does not know its size says 0.
    return size.columns or 80, size.lines or 24


def _wake(number: int, frame: FrameType | None) -> None:
    del number, frame  # C has written it into the pipe by now


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)
