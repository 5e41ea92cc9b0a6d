"""How the process ends when something of the user's does not.

A thread that is still inside the app can't be interrupted, and the interpreter must not be
torn down under it. So the rest is done by hand: say where it was, run the `atexit` functions,
flush, end.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from uncork import console

# How long what comes after serving may take: the user's code behind `app.run()`, threads
# of the user's that are to end by themselves, `atexit` functions.
LAST_SECONDS = 5.0
_AT_EXIT_SECONDS = 2.0
_FRAMES_SHOWN = 4
_THREADS_SHOWN = 5


def end_process(exit_code: int) -> NoReturn:
    """Ends the process without waiting for its threads, from any thread.

    The `atexit` functions are run and the streams flushed, as long as they take no more than
    two seconds together.
    """
    LastFunctions().run()
    os._exit(exit_code)


def end_in(seconds: float, exit_code: int) -> threading.Timer:
    """Ends the process when it has not ended by itself `seconds` from now.

    For the interpreter's own end, which waits for every thread of the user's that is not a
    daemon. The timer may be cancelled.
    """
    last = LastFunctions()

    def end() -> None:
        names = [f"`{thread.name}`" for thread in threading.enumerate() if _holds_up(thread)]
        console.warn(f"not waiting any longer for {', '.join(names) or 'the interpreter'} to end")
        last.run()
        os._exit(exit_code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.name = "uncork-end"
    timer.start()
    return timer


def stacks_inside_app() -> list[str]:
    """Where each native thread that is inside the app is, one text each.

    An app thread is known by its outermost frame: Python's own threads begin in `threading`,
    and the main thread is uncork's.
    """
    main = threading.main_thread().ident
    stacks = []
    for identifier, frame in sys._current_frames().items():
        outermost = _outermost(frame)
        if identifier != main and outermost.f_globals.get("__name__") != "threading":
            lines = traceback.format_stack(frame)[-_FRAMES_SHOWN:]
            stacks.append("".join(lines).rstrip("\n"))
    return stacks


def report_cut_off(seconds: float) -> None:
    """Says which requests are cut off, with the innermost frames of their threads."""
    stacks = stacks_inside_app()
    shown = "\n".join(stacks[:_THREADS_SHOWN])
    count = f"{len(stacks)} request{'' if len(stacks) == 1 else 's'}"
    more = f"\n  (and {len(stacks) - _THREADS_SHOWN} more)" if len(stacks) > _THREADS_SHOWN else ""
    console.warn(
        f"cutting off {count} still inside the app after {round(seconds, 1):g} s\n{shown}{more}"
    )


def _outermost(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _holds_up(thread: threading.Thread) -> bool:
    return not thread.daemon and thread is not threading.main_thread()


class LastFunctions:
    """Runs the `atexit` functions and flushes the streams, once it is asked to.

    Its thread is made at once: CPython 3.12 makes none any more while the interpreter ends.
    """

    def __init__(self) -> None:
        self._is_asked = threading.Event()
        self._thread = threading.Thread(
            target=self._run_when_asked, name="uncork-at-exit", daemon=True
        )
        self._thread.start()

    def run(self) -> None:
        """Returns when they have run, or have had their time."""
        self._is_asked.set()
        self._thread.join(_AT_EXIT_SECONDS)

    def _run_when_asked(self) -> None:
        self._is_asked.wait()
        with suppress(Exception):
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
