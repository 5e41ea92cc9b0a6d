"""The one place that forks, and that becomes another program.

A worker begins where `serve` was called: the fork is told as an exception, which unwinds the
supervisor's loop, so that nothing of it is left on the stack and each `with` block gives back
what the supervisor had.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from uncork.supervisor.channel import Channel
from uncork.supervisor.supervisor_signals import fork_with_signals_waiting


class InWorker(BaseException):
    """Raised in the new process.

    Attributes:
        generation: The number of the worker's generation.
        is_first: Whether it is the first of that generation.
        channel: The worker's end.
        row: Its row on the scoreboard; `None`: there was none left.
    """

    def __init__(
        self, generation: int, channel: Channel, *, is_first: bool, row: int | None
    ) -> None:
        super().__init__()
        self.generation = generation
        self.channel = channel
        self.is_first = is_first
        self.row = row


class InProcess(BaseException):
    """Raised in a new process that is no worker.

    Attributes:
        job: What it is for; gives the exit code.
    """

    def __init__(self, job: Callable[[], int]) -> None:
        super().__init__()
        self.job = job


def fork_worker(generation: int, *, is_first: bool, row: int | None) -> tuple[int, Channel]:
    """The process id of a new worker, and the supervisor's end of the channel to it.

    Raises:
        InWorker: This is the new process. Signals wait until `hear_from_here` is called.
        OSError: The machine refuses a process or descriptors.
    """
    pid, end = _fork()
    if not pid:
        raise InWorker(generation, end, is_first=is_first, row=row)
    return pid, end


def fork_process(job: Callable[[Channel], int]) -> tuple[int, Channel]:
    """The process id of a new process, and the supervisor's end of the channel to it.

    Args:
        job: What the process is for; it gets the other end.

    Raises:
        InProcess: This is the new process. Signals wait until `hear_from_here` is called.
        OSError: The machine refuses a process or descriptors.
    """
    pid, end = _fork()
    if not pid:
        raise InProcess(lambda: job(end))
    return pid, end


def _fork() -> tuple[int, Channel]:
    """What `os.fork` returns, and this process's end of a channel between the two."""
    parents, childs = Channel.pair()
    _flush()  # what is left would be written twice
    try:
        pid = fork_with_signals_waiting(os.fork)
    except OSError:
        parents.close()
        childs.close()
        raise
    own, other = (parents, childs) if pid else (childs, parents)
    other.close()
    return pid, own


def start_program(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """The process id of a program that runs beside this one.

    Raises:
        OSError: The machine refuses.
    """
    _flush()
    return os.posix_spawn(command[0], [*command], environ)


def become_program(
    command: Sequence[str], environ: Mapping[str, str], descriptors: Sequence[int]
) -> NoReturn:
    """Becomes another program, which has `descriptors` and the standard ones, and no others.

    Raises:
        OSError: The machine refuses, and nothing has changed.
    """
    _flush()
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    try:
        os.execve(command[0], [*command], environ)
    finally:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
