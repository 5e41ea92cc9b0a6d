"""Calls what the app has registered for the start and the end of a worker; main thread only."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from uncork import console
from uncork.errors import AppError, UncorkError
from uncork.hooks import HOOKS
from uncork.supervisor.app_traceback import app_traceback
from uncork.supervisor.boot_watch import watch_boot
from uncork.supervisor.ending import LAST_SECONDS, end_process

_FRAMES_SHOWN = 6


def call_start_hooks(boot_seconds: float, tell: Callable[[UncorkError], None]) -> None:
    """Calls them in their order; ends the process when they take too long.

    Args:
        boot_seconds: How long they may take together.
        tell: Called with the error when they take longer.

    Raises:
        AppError: One of them failed.
    """
    watch = watch_boot(boot_seconds, tell, "the start hooks of the worker did not return")
    try:
        for function in HOOKS.at_start:
            _call_start_hook(function)
        HOOKS.has_started = True
    finally:
        watch.cancel()


@contextmanager
def shutdown_hooks_called() -> Iterator[None]:
    """Calls the shutdown hooks behind what is done inside, whatever came of it."""
    try:
        yield
    finally:
        _call_shutdown_hooks()


def _call_start_hook(function: Callable[[], object]) -> None:
    try:
        function()
    except (KeyboardInterrupt, UncorkError):
        raise
    except BaseException as error:
        raise AppError(
            f"the start hook `{_name(function)}` failed with `{type(error).__name__}`",
            details=app_traceback(error),
        ) from None


def _call_shutdown_hooks() -> None:
    if not HOOKS.at_shutdown:
        return
    watch = threading.Timer(LAST_SECONDS, _give_up)
    watch.daemon = True
    watch.name = "uncork-shutdown-watch"
    watch.start()
    for function in HOOKS.at_shutdown:
        try:
            function()
        except BaseException as error:
            console.fail(
                AppError(
                    f"the shutdown hook `{_name(function)}` failed with `{type(error).__name__}`",
                    details=app_traceback(error),
                )
            )
    watch.cancel()


def _give_up() -> None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    where = "".join(traceback.format_stack(frame)[-_FRAMES_SHOWN:]).rstrip("\n")
    console.warn(
        f"the shutdown hooks did not return within {LAST_SECONDS:g} s: "
        f"not waiting any longer\n{where}"
    )
    end_process(0)


def _name(function: Callable[[], object]) -> str:
    return str(getattr(function, "__qualname__", function))
