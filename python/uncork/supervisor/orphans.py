"""The processes below this one, and those among them whose parent has ended."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def adopt_orphans() -> bool:
    """Makes this process the parent of the orphans among its descendants, if the system has that.

    A template's workers become the supervisor's own by it; and what an app has left behind is
    reaped here instead of by process 1.
    """
    if sys.platform != "linux":
        return False
    try:
        import ctypes  # noqa: PLC0415 (takes half a mebibyte)

        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def descendants() -> list[int]:
    """The processes below this one that have not ended; none where there is no `/proc`."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # What follows the name, which may hold blanks: proc_pid_stat(5), from field 3 on.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                children.setdefault(int(parent), []).append(int(folder.name))
    found: list[int] = []
    parents = [os.getpid()]
    while parents:
        below = children.get(parents.pop(), [])
        found += below
        parents += below
    return found
