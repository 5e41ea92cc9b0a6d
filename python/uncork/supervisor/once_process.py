"""A process that runs once beside the workers, from its own side: a function, or a command."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from uncork.app_locator.functions import with_function
from uncork.election import ELECTIONS, NotElected
from uncork.errors import AppError, EnvironmentProblem, UncorkError
from uncork.settings import OnceProcess
from uncork.supervisor.app_traceback import app_traceback
from uncork.supervisor.channel import Channel, Kind
from uncork.supervisor.privileges import give_up_root
from uncork.supervisor.signals import StopAsked, Stops
from uncork.supervisor.supervisor_signals import hear_from_here
from uncork.supervisor.titles import show_once
from uncork.supervisor.worker_logs import WorkerLogs
from uncork.supervisor.worker_process import Plan

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


def run_once_process(process: OnceProcess, plan: Plan, channel: Channel) -> int:
    """Runs it, until it has ended or is asked to; the exit code.

    A command takes this process's place.

    Args:
        process: What to run.
        plan: Of the generation that it belongs to.
        channel: To the supervisor: its end is that one's death.

    Raises:
        UncorkError: It could not be run, or has failed.
    """
    show_once(process)
    if plan.environ is not None:
        os.environ.clear()
        os.environ.update(plan.environ)
    give_up_root(plan.resolved.values)
    if not isinstance(process.run, str):
        _become(process.run, channel)
    ELECTIONS.arbiter = NotElected()
    stops = Stops(math.inf)

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if number != signal.SIGINT and stops.count(signal.SIGTERM):
            raise StopAsked

    # Ctrl+C goes to all processes of the terminal; what is to come of it, the supervisor decides.
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        signal.signal(number, stop)
    threading.Thread(
        target=_listen_to_the_supervisor,
        args=(channel,),
        name="uncork-supervisor-link",
        daemon=True,
    ).start()
    try:
        hear_from_here()
        source = f"`once.{process.name}`"
        return with_function(process.run, source, _called(process), verbose=plan.verbose)
    except StopAsked:
        return 0


def _called(process: OnceProcess) -> Callable[[Callable[[], object]], int]:
    def call(function: Callable[[], object]) -> int:
        try:
            function()
        except (KeyboardInterrupt, SystemExit, UncorkError):
            raise
        except BaseException as error:
            raise AppError(
                f"`{process.name}` (`{process.text}`) failed with `{type(error).__name__}`",
                details=app_traceback(error),
            ) from None
        return 0

    return call


def _listen_to_the_supervisor(channel: Channel) -> None:
    """Logs to where it says, and ends with it."""
    logs = WorkerLogs()
    while (messages := channel.receive(None)) is not None:
        for message in messages:
            if message.kind is Kind.LOGS:
                logs.take(message.facts["logs"], message.descriptors)
    os.kill(os.getpid(), signal.SIGTERM)


def _become(words: tuple[str, ...], channel: Channel) -> NoReturn:
    """Runs a command in the place of this process; signals are as a shell leaves them.

    Raises:
        EnvironmentProblem: It can't be run.
    """
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    _end_when_the_parent_dies()
    if channel.receive() is None:
        sys.exit(0)  # it had died already
    hear_from_here()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        os.execvp(words[0], words)
    except OSError as error:
        raise EnvironmentProblem(
            f"could not run `{words[0]}`",
            cause=(error.strerror or str(error)).lower(),
            hints=("name a program that is in the `PATH`, or its whole path",),
        ) from None


def _end_when_the_parent_dies() -> None:
    """Has the kernel send TERM then; only Linux can."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 (only this process needs it)

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
