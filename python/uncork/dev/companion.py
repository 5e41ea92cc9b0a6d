"""The process that keeps one command beside the app: prints what it prints, and ends it for good.

It is no part of the supervisor, so a command that floods, or a terminal that takes nothing, stops
nobody but this command. It ends the command with all that has come of it when the supervisor asks
for it, is gone, or when the command has ended by itself.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from uncork import console
from uncork.dev.program_output import ProgramOutput
from uncork.errors import EnvironmentProblem
from uncork.settings import DevProcess
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.error_facts import facts_of_error
from uncork.supervisor.forking import start_command
from uncork.supervisor.orphans import adopt_orphans, descendants
from uncork.supervisor.process_title import set_process_title
from uncork.supervisor.supervisor_signals import hear_from_here

GRACE_SECONDS = 2.0
"""How long a command has to end when it is asked to."""

_READ_BYTES = 64 * 1024
# What a pipe takes at once when it says that it takes something (`PIPE_BUF`).
_WRITE_CHARACTERS = 4096
# After that, a line that has begun is shown as far as it goes: a question, or a slow answer.
_QUIET_SECONDS = 0.5
# How long the last lines have, should nobody take them.
_LAST_SECONDS = 1.0
# There is no event for the end of a group.
_LOOK_SECONDS = 0.02
_OWN_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGTSTP,
    signal.SIGCHLD,
)


@dataclass(frozen=True)
class Look:
    """How what it prints is shown.

    Attributes:
        prefix: What stands before each line, with its blank.
        prefix_columns: How wide that is.
        has_colour: Whether its colours stay.
        is_terminal: Whether it is to believe that it prints to a terminal.
    """

    prefix: str
    prefix_columns: int
    has_colour: bool
    is_terminal: bool


def run_companion(
    process: DevProcess, environ: Mapping[str, str], look: Look, channel: Channel
) -> int:
    """Runs the command until it has ended; its exit code, or 0 if it was asked to end.

    A command that a signal has killed has this process killed by the same one. Why one can't be
    started, and what its process group is, the supervisor is told over the channel.
    """
    set_process_title(f"uncork: {process.name}", f"uncork-{process.name}")
    # The terminal's signals are for the supervisor, which decides what is to come of them.
    os.setsid()
    for number in _OWN_SIGNALS:
        signal.signal(number, _hear)
    hear_from_here()
    os.environ.clear()
    os.environ.update(environ)
    companion = _Companion(look, channel)
    try:
        companion.start(process)
    except OSError as error:
        channel.send(Message(Kind.FAILED, facts_of_error(_not_started(process, error))))
        return 127
    return companion.keep()


class _Companion:
    """Keeps one command; everything happens in `keep`."""

    def __init__(self, look: Look, channel: Channel) -> None:
        self._look = look
        self._channel: Channel | None = channel
        self._output = ProgramOutput(has_colour=look.has_colour)
        self._waiting: deque[str] = deque()
        self._group = 0
        self._exit_code: int | None = None
        self._was_asked = False
        self._kill_at: float | None = None
        self._heard_at = time.monotonic()
        self._has_orphans = adopt_orphans()

    def start(self, process: DevProcess) -> None:
        """Starts the command.

        Raises:
            OSError: It can't be run.
        """
        woken, wakes = os.pipe()
        for descriptor in (woken, wakes):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        self._woken = woken
        # A watcher may end when its stdin does: this one has no end before the companion has.
        reads, self._stdin = os.pipe()
        self._reader, writes = _new_terminal() if self._look.is_terminal else os.pipe()
        self._fit_window()
        try:
            self._group = start_command(process.run, os.environ, reads=reads, writes=writes)
        finally:
            os.close(reads)
            os.close(writes)
        os.set_blocking(self._reader, False)
        if self._channel is not None:
            self._channel.send(Message(Kind.TOLD, {"group": self._group}))

    def keep(self) -> int:
        """Returns when the command and all that has come of it have ended."""
        while True:
            self._wait()
            self._reap()
            now = time.monotonic()
            if self._exit_code is not None and self._kill_at is None:
                self._ask_to_end(now)  # what it has left behind
            if self._kill_at is not None and not self._is_anybody_left():
                break
            if self._kill_at is not None and now >= self._kill_at:
                self._kill()
            if now >= self._heard_at + _QUIET_SECONDS and not self._waiting:
                self._take(self._output.rest())
        self._print_last()
        if self._was_asked or self._exit_code is None:
            return 0
        if self._exit_code < 0:
            _end_by(-self._exit_code)
            return 128 - self._exit_code
        return self._exit_code

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if self._channel is not None:
            poll.register(self._channel, select.POLLIN)
        stderr = _stderr()
        if self._waiting:
            poll.register(stderr, select.POLLOUT)
        elif self._reader >= 0:
            poll.register(self._reader, select.POLLIN)
        seconds: list[float] = []
        if self._kill_at is not None:
            seconds.append(_LOOK_SECONDS)
        if self._output.has_begun_line and not self._waiting:
            seconds.append(max(0.0, self._heard_at + _QUIET_SECONDS - time.monotonic()))
        timeout = int(min(seconds) * 1000) + 1 if seconds else None
        ready = {descriptor for descriptor, _ in poll.poll(timeout)}
        if self._woken in ready:
            os.read(self._woken, _READ_BYTES)
        if self._channel is not None and self._channel.fileno() in ready:
            self._listen(self._channel)
        if self._waiting and stderr in ready:
            self._print_some()
        if self._reader in ready:
            self._read()

    def _listen(self, channel: Channel) -> None:
        messages = channel.receive()
        if messages is None:
            self._channel = None
        elif not messages:
            return
        now = time.monotonic()
        self._was_asked = self._was_asked or self._exit_code is None
        if self._kill_at is None:
            self._ask_to_end(now)
        if any(message.facts.get("at_once") for message in messages or ()):
            self._kill_at = now

    def _read(self) -> bool:
        """Whether there was something."""
        try:
            data = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # a terminal's other end is closed
            data = b""
        if not data:
            os.close(self._reader)
            self._reader = -1
            return False
        self._fit_window()
        self._heard_at = time.monotonic()
        self._take(self._output.feed(data))
        return True

    def _take(self, lines: list[str]) -> None:
        self._waiting += [f"{self._look.prefix}{line}".rstrip(" ") for line in lines]

    def _print_some(self) -> None:
        lines = [self._waiting.popleft()]
        size = len(lines[0])
        while self._waiting and (size := size + len(self._waiting[0]) + 1) < _WRITE_CHARACTERS:
            lines.append(self._waiting.popleft())
        console.say("\n".join(lines))

    def _print_last(self) -> None:
        deadline = time.monotonic() + _LAST_SECONDS
        poll = select.poll()
        poll.register(_stderr(), select.POLLOUT)
        while True:
            while not self._waiting and self._reader >= 0 and self._read():
                pass
            if not self._waiting:
                self._take(self._output.rest())
            left = deadline - time.monotonic()
            if not self._waiting or left <= 0 or not poll.poll(left * 1000):
                return
            self._print_some()

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self._group:
                    self._exit_code = os.waitstatus_to_exitcode(status)

    def _ask_to_end(self, now: float) -> None:
        self._kill_at = now + GRACE_SECONDS
        self._signal(signal.SIGTERM)

    def _kill(self) -> None:
        """Again and again: what is killed may have started something just before."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, number)
        for pid in descendants():
            # Who has left the group; and who is stopped hears of it now.
            with suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self._group:
                    os.kill(pid, number)
                os.kill(pid, signal.SIGCONT)

    def _is_anybody_left(self) -> bool:
        if self._exit_code is None:
            return True
        if self._has_orphans:
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            return True
        try:
            os.killpg(self._group, 0)
        except (ProcessLookupError, PermissionError):  # the latter for zombies on macOS
            return False
        return True

    def _fit_window(self) -> None:
        """Has the command's terminal be as wide as is left of the real one."""
        if not self._look.is_terminal:
            return
        with suppress(OSError, ValueError, termios.error):
            rows, columns = termios.tcgetwinsize(_stderr())
            size = (rows, max(20, columns - self._look.prefix_columns))
            if columns and size != termios.tcgetwinsize(self._reader):
                termios.tcsetwinsize(self._reader, size)


def _new_terminal() -> tuple[int, int]:
    """Both ends of one that changes nothing of what is printed to it, and shows nothing typed."""
    reader, writes = os.openpty()
    attributes = termios.tcgetattr(writes)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(writes, termios.TCSANOW, attributes)
    return reader, writes


def _stderr() -> int:
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return 2


def _not_started(process: DevProcess, error: OSError) -> EnvironmentProblem:
    if isinstance(error, FileNotFoundError):
        cause = f"there is no program `{process.run[0]}`"
    else:
        cause = f"`{process.run[0]}`: {(error.strerror or str(error)).lower()}"
    return EnvironmentProblem(
        f"`{process.name}` could not be started",
        cause=cause,
        hints=("install it, or name its path, under `dev.processes` in the settings",),
    )


def _end_by(number: int) -> None:
    """Ends this process by a signal; returns if that one does not end processes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    with suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _hear(number: int, frame: FrameType | None) -> None:
    del number, frame  # C has written it into the pipe by now
