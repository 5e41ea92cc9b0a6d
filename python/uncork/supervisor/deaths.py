"""How a process ended, in words."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Death:
    """How a process ended: either by itself or by a signal.

    Attributes:
        exit_code: What it ended with; `None` if a signal killed it.
        text: What follows the name of the process in a sentence.
        is_out_of_memory: Whether the kernel killed it for want of memory, as far as is known.
    """

    exit_code: int | None
    text: str
    is_out_of_memory: bool = False

    @property
    def kind(self) -> str:
        """One word, or few, to count by."""
        if self.is_out_of_memory:
            return "out of memory"
        return "signal" if self.exit_code is None else "exit"


def ended_processes() -> Iterator[tuple[int, int]]:
    """Reaps each child that has ended by now: its process id, and what `read_status` reads."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, status


def read_status(status: int, *, was_out_of_memory: bool | None = False) -> Death:
    """What `waitpid` told.

    Args:
        status: Its second value.
        was_out_of_memory: Whether the kernel has killed something here for want of memory since
            one looked last; `None`: it can't be known.
    """
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return Death(code, f"ended with exit code {code}")
    text = f"was killed by {_name(-code)}"
    if -code == signal.SIGKILL and was_out_of_memory is not False:
        text += ", out of memory" if was_out_of_memory else ", perhaps out of memory"
        return Death(None, text, is_out_of_memory=bool(was_out_of_memory))
    return Death(None, text)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one
