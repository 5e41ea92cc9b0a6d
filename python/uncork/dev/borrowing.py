"""A worker's way to the terminal, for what in the app asks the user something.

That is noticed by the interpreter's own audit events, so `input()`, `pdb`, `breakpoint()` and
`code.interact()` are what they are everywhere. Whoever asks waits until the supervisor has lent
the terminal. It goes back when the code that asked has gone on, and nothing there is debugged any
more: what is typed ahead of a debugger's next question must not be taken for keys.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

TERMINAL = "terminal"
"""The name of the fact by which a worker and the supervisor speak of the terminal."""

WANTED, LENT, BACK = "wanted", "lent", "back"

_LOOK_SECONDS = 0.05
# For so long nobody uses the terminal before it goes back. A debugger that steps over something
# may be out of sight for a moment.
_UNUSED_SECONDS = 0.3
_DEBUGGERS = ("pdb", "bdb", "cmd", "code", "ipdb", "pudb", "IPython", "prompt_toolkit")


class Borrowing:
    """Asks for the terminal when a thread needs it; one thread has it at a time.

    Args:
        tell: Sends facts to the supervisor.
        excuse: Called when a thread asks: it may take as long as it likes.
    """

    def __init__(
        self, tell: Callable[[Mapping[str, Any]], bool], excuse: Callable[[], None]
    ) -> None:
        self._tell = tell
        self._excuse = excuse
        self._changed = threading.Condition()
        self._thread: int | None = None
        self._is_lent = False
        self._asked_in: tuple[FrameType, ...] = ()
        self._breakpoint: tuple[FrameType, int] | None = None

    def begin(self) -> None:
        """Notices from now on when something is asked at a terminal; that can't be undone."""
        with suppress(OSError, ValueError, AttributeError):
            if os.isatty(sys.stdin.fileno()):
                sys.addaudithook(self._on_event)

    def on_message(self, facts: Mapping[str, Any]) -> None:
        """Hears that the terminal was lent; called in the thread that reads."""
        if facts.get(TERMINAL) == LENT:
            with self._changed:
                self._is_lent = True
                self._changed.notify_all()

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        # Called for all that is opened, imported and compiled: what is none of these goes on.
        if event == "builtins.input":
            frame = sys._getframe(1)
            caller = frame.f_back
            self._borrow((frame,) if caller is None else (frame, caller), None)
        elif event == "builtins.breakpoint":
            frame = sys._getframe(1)
            self._borrow((), (frame, frame.f_lasti))
        elif event == "pdb.Pdb":
            self._borrow((), None)
        del arguments

    def _borrow(
        self, asked_in: tuple[FrameType, ...], at_breakpoint: tuple[FrameType, int] | None
    ) -> None:
        """Returns when this thread has the terminal."""
        thread = threading.get_ident()
        with self._changed:
            while self._thread not in (None, thread):
                self._changed.wait()
            is_new = self._thread is None
            self._thread = thread
            self._asked_in = asked_in
            self._breakpoint = at_breakpoint
            if is_new:
                self._excuse()
                # Without a supervisor, there is nobody else who reads.
                self._is_lent = not self._tell({TERMINAL: WANTED})
                threading.Thread(
                    target=self._give_back_when_unused, name="uncork-terminal", daemon=True
                ).start()
            while not self._is_lent:
                self._changed.wait()

    def _give_back_when_unused(self) -> None:
        used_at = time.monotonic()
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._changed:
                now = time.monotonic()
                if self._is_used():
                    used_at = now
                elif now - used_at > _UNUSED_SECONDS:
                    self._thread = None
                    self._asked_in, self._breakpoint = (), None
                    self._tell({TERMINAL: BACK})
                    self._changed.notify_all()
                    return

    def _is_used(self) -> bool:
        """Whether the thread is still where it asked, or is debugged."""
        assert self._thread is not None
        innermost = sys._current_frames().get(self._thread)
        frames = list(_outwards(innermost))
        for place, frame in enumerate(frames):
            if frame in self._asked_in:
                return True
            if self._breakpoint is not None and self._breakpoint == (frame, frame.f_lasti):
                return True
            if str(frame.f_globals.get("__name__")).partition(".")[0] in _DEBUGGERS:
                return True
            # `pdb` leaves its mark on the outermost frame when it is told to go on.
            if frame.f_trace is not None and (place == 0 or place < len(frames) - 1):
                return True
        return False


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
