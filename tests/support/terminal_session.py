"""A program on a terminal of its own, for tests of what it does with keys and with the screen."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

DEADLINE_SECONDS = 30.0
_READ_BYTES = 65536
_READS = 16
_KEPT_BYTES = 256 * 1024
_LOOK_SECONDS = 0.02
_LOCAL_MODES = 3
# In a program of its own: Python warns of a fork where there are threads.
_TAKE_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class TerminalSession:
    """Runs a command as the leader of a terminal's session while its `with` block runs.

    Args:
        command: What to run; a shell with job control gives groups to what it starts.
        directory: Its working directory.
        env: Its environment.
    """

    def __init__(self, command: Sequence[str], directory: Path, env: Mapping[str, str]) -> None:
        self._command = command
        self._directory = directory
        self._env = env
        self._shown = b""

    def __enter__(self) -> Self:
        self._descriptor, terminal = os.openpty()
        termios.tcsetwinsize(terminal, (40, 120))

        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *self._command],
            cwd=self._directory,
            env=self._env,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._read(0.2)
            error.add_note(f"the screen:\n{self.screen}")
        for pid in _session(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self._descriptor >= 0:
            os.close(self._descriptor)

    @property
    def screen(self) -> str:
        """What was shown so far; of very much, the end."""
        return self._shown.decode(errors="replace").replace("\r\n", "\n")

    @property
    def is_cooked(self) -> bool:
        """Whether lines are edited by the terminal, and what is typed is shown."""
        modes = int(termios.tcgetattr(self._descriptor)[_LOCAL_MODES])
        return bool(modes & termios.ICANON) and bool(modes & termios.ECHO)

    @property
    def has_single_keys(self) -> bool:
        """Whether each key comes at once, and Enter is still a newline, unlike in an editor."""
        attributes = termios.tcgetattr(self._descriptor)
        modes = int(attributes[_LOCAL_MODES])
        is_raw = not modes & (termios.ICANON | termios.ECHO)
        return is_raw and bool(int(attributes[0]) & termios.ICRNL)

    @property
    def foreground(self) -> int:
        """The process group that has the terminal."""
        return os.tcgetpgrp(self._descriptor)

    def type(self, text: str) -> None:
        """Presses keys; `\\x03` is Ctrl+C."""
        data = text.encode()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def wait_for_text(self, text: str, times: int = 1) -> None:
        """Returns when the screen has shown it so often."""
        self.wait_for(lambda: self.screen.count(text) >= times, f"{text!r} on the screen")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Returns when it holds; the screen is read meanwhile."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:g} s: {what}"
            self._read(_LOOK_SECONDS)

    def wait_for_end(self) -> int:
        """The exit code of the command, once it has ended."""
        self.wait_for(lambda: self.process.poll() is not None, "its end")
        self._read(_LOOK_SECONDS)
        return int(self.process.returncode)

    def hang_up(self) -> None:
        """Closes the terminal, as a window is closed."""
        os.close(self._descriptor)
        self._descriptor = -1

    def _read(self, seconds: float) -> None:
        if self._descriptor < 0:
            time.sleep(seconds)
            return
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        with suppress(OSError):  # nobody has it open any more
            for _ in range(_READS):  # not for as long as there is something: that may be for ever
                if not ready:
                    break
                shown = self._shown + os.read(self._descriptor, _READ_BYTES)
                self._shown = shown[-_KEPT_BYTES:]
                ready, _, _ = select.select([self._descriptor], [], [], 0)


def _session(leader: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                found.append(int(folder.name))
    return found
