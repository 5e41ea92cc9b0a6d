"""Ends a worker that takes too long to load its app, and says where it was."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable

from uncork import console
from uncork.errors import AppError, UncorkError
from uncork.supervisor.ending import end_process

_FRAMES_SHOWN = 6


def watch_boot(
    seconds: float,
    tell: Callable[[UncorkError], None],
    what: str = "the app was not loaded",
) -> threading.Timer:
    """A timer that ends the process with an `AppError`; cancelled when the app was found.

    Args:
        seconds: When it does that.
        tell: Called with the error, from the timer's thread.
        what: What has not been done then.
    """
    timer = threading.Timer(seconds, _give_up, (seconds, tell, what))
    timer.daemon = True
    timer.name = "uncork-boot-watch"
    timer.start()
    return timer


def _give_up(seconds: float, tell: Callable[[UncorkError], None], what: str) -> None:
    main = threading.main_thread().ident
    frame = sys._current_frames().get(main) if main is not None else None
    error = AppError(
        f"{what} within {seconds:g} s",
        details="".join(traceback.format_stack(frame)[-_FRAMES_SHOWN:]),
        cause="it was still there, as shown above",
        hints=("if it needs longer, raise `boot_timeout`: `--boot-timeout 5m`",),
    )
    console.fail(error)
    tell(error)
    end_process(error.exit_code)
