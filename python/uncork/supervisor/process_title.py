"""What `ps` and `top` show of a process, so that one can tell which is which.

The title is written over the arguments that the process was started with, where the system looks
for them; it is cut to their length, since what lies behind them, the environment, is in use.
The package `setproctitle` can do without that length, and is taken when it is installed. Neither
`sys.argv` nor `os.environ` changes, and where a title can't be had, there is none.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_PROC = Path("/proc/self")
_ARGUMENTS_START, _ARGUMENTS_END = 48, 49  # fields of proc_pid_stat(5)
_NAME_BYTES = 15  # prctl(2), `PR_SET_NAME`
_PR_SET_NAME = 15


def set_process_title(title: str, name: str) -> None:
    """Has `ps` show the title, and `top` the name, which is cut to 15 bytes."""
    with suppress(OSError, ValueError, LookupError, ImportError, AttributeError):
        _set_title(title)
    if sys.platform == "linux":
        # Behind it: `setproctitle` makes a name of the title's beginning.
        with suppress(OSError, ValueError, LookupError, ImportError, AttributeError):
            _set_name(name.encode()[:_NAME_BYTES])


def fitted(title: str, size: int) -> bytes:
    """The title in `size` bytes, the last of which is zero, as are those that are left."""
    cut = title.encode()[: size - 1].decode(errors="ignore").encode()
    return cut.ljust(size, b"\0")


def _set_title(title: str) -> None:
    try:
        # An extra, which need not be there for mypy either.
        from setproctitle import (  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415
            setproctitle,
        )
    except ImportError:
        pass
    else:
        setproctitle(title)
        return
    if sys.platform != "linux":
        return
    start, end = _arguments()
    if end - start > 1:
        _write(start, fitted(title, end - start))


@cache
def _arguments() -> tuple[int, int]:
    """Where the arguments are in this process's memory."""
    # What follows the name, which may hold blanks: from field 3 on.
    fields = (_PROC / "stat").read_text().rpartition(")")[2].split()
    return int(fields[_ARGUMENTS_START - 3]), int(fields[_ARGUMENTS_END - 3])


def _write(address: int, data: bytes) -> None:
    try:
        memory = os.open(_PROC / "mem", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:  # it was started by another user, whose rights it has given up
        import ctypes  # noqa: PLC0415 (takes half a mebibyte)

        ctypes.memmove(address, data, len(data))
        return
    try:
        os.pwrite(memory, data, address)
    finally:
        os.close(memory)


def _set_name(name: bytes) -> None:
    try:
        (_PROC / "comm").write_bytes(name)
    except OSError:
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(_PR_SET_NAME, name, 0, 0, 0)
