"""The one place that forks, and that becomes another program.

A worker begins where `serve` was called: the fork is told as an exception, which unwinds the
supervisor's loop, so that nothing of it is left on the stack and each `with` block gives back
what the supervisor had. A worker that a template forks begins inside the template, where the app
has been loaded already.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from uncork.supervisor.channel import Channel
from uncork.supervisor.supervisor_signals import fork_with_signals_waiting

_ANSWER_BYTES = 64
_NEVER_CAUGHT = (signal.SIGKILL, signal.SIGSTOP)


@dataclass(frozen=True)
class Post:
    """What a new process is to be.

    Attributes:
        generation: The number of its generation.
        index: Its place among the workers of its generation.
        is_first: Whether it is the first of that generation, and tells what each would.
        row: Its row on the scoreboard; `None`: there was none left.
        may_become_template: Whether it is to turn into the template, if the app allows it.
    """

    generation: int
    index: int
    is_first: bool
    row: int | None
    may_become_template: bool = False


class InWorker(BaseException):
    """Raised in the new process.

    Attributes:
        post: What it is to be.
        channel: The worker's end.
    """

    def __init__(self, post: Post, channel: Channel) -> None:
        super().__init__()
        self.post = post
        self.channel = channel


class InProcess(BaseException):
    """Raised in a new process that is no worker.

    Attributes:
        job: What it is for; gives the exit code.
    """

    def __init__(self, job: Callable[[], int]) -> None:
        super().__init__()
        self.job = job


def fork_worker(post: Post) -> tuple[int, Channel]:
    """The process id of a new worker, and the supervisor's end of the channel to it.

    Raises:
        InWorker: This is the new process. Signals wait until `hear_from_here` is called.
        OSError: The machine refuses a process or descriptors.
    """
    pid, end = _fork()
    if not pid:
        raise InWorker(post, end)
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


def start_command(
    words: Sequence[str], environ: Mapping[str, str], *, reads: int, writes: int
) -> int:
    """The process id of a program found by the `PATH`, in a process group of its own.

    Its signals are as a shell leaves them.

    Args:
        words: The command.
        environ: Its environment; the `PATH` is this process's own.
        reads: The descriptor that becomes its stdin.
        writes: The one that becomes its stdout and stderr.

    Raises:
        OSError: It can't be run.
    """
    _flush()
    return os.posix_spawnp(
        words[0],
        [*words],
        environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, reads, 0)]
        + [(os.POSIX_SPAWN_DUP2, writes, number) for number in (1, 2)],
        setpgroup=0,
        setsigmask=(),
        setsigdef=[each for each in signal.Signals if each not in _NEVER_CAUGHT],
    )


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


def fork_sibling() -> int:
    """The process id of a new process that is the supervisor's child, as this one is; 0 in it.

    By two forks: the process between them ends, and the new one becomes the child of the nearest
    subreaper (prctl(2)). That has happened when this returns, so whoever is told the number may
    wait for it. Signals have to be blocked, and there must be no other thread.

    Raises:
        OSError: The machine refuses a process or descriptors.
    """
    reader, writer = os.pipe()
    _flush()
    try:
        between = _bare_fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if not between and not _fork_from_between(writer):
        os.close(reader)
        os.close(writer)
        return 0
    os.close(writer)
    answer = os.read(reader, _ANSWER_BYTES)
    os.close(reader)
    with suppress(ChildProcessError):
        os.waitpid(between, 0)
    number = int(answer or b"0")
    if number <= 0:
        raise OSError(-number, os.strerror(-number) if number else "the fork was interrupted")
    return number


def _fork_from_between(writer: int) -> int:
    """0 in the new process; in the one between, it does not return."""
    answer = 0
    try:
        answer = os.fork()
        if answer == 0:
            return 0
    except OSError as error:
        answer = -(error.errno or 1)
    except BaseException:
        os._exit(1)
    os.write(writer, b"%d" % answer)
    os._exit(0)


def _bare_fork() -> int:
    """`fork` without the functions of `os.register_at_fork`.

    The process between the forks runs nothing of the app's, and a function that starts a thread
    in each new process would do it there too.
    """
    fork = _libc_fork()
    if fork is None:
        return os.fork()
    pid = fork()
    if pid < 0:
        number = _ctypes_errno()
        raise OSError(number, os.strerror(number))
    return pid


def _libc_fork() -> Callable[[], int] | None:
    try:
        import ctypes  # noqa: PLC0415 (only a template needs it)

        # `PyDLL` keeps the GIL, which the new process has to have too.
        fork = ctypes.PyDLL(None, use_errno=True).fork
    except (ImportError, OSError, AttributeError):
        return None
    return lambda: int(fork())


def _ctypes_errno() -> int:
    import ctypes  # noqa: PLC0415

    return ctypes.get_errno()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
