"""How much memory a process takes, as Linux tells it; elsewhere it stays unknown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Memory:
    """In bytes; what can't be known is `None`.

    Attributes:
        resident: With all that is shared with other processes.
        proportional: With its part of it: a page of three processes counts a third to each.
    """

    resident: int | None
    proportional: int | None


def memory_of(pid: int) -> Memory:
    """The memory of a process; unknown of one that has gone."""
    folder = Path(f"/proc/{pid}")
    return Memory(_resident(folder), _proportional(folder))


def _resident(folder: Path) -> int | None:
    try:
        pages = int((folder / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _proportional(folder: Path) -> int | None:
    try:
        # Closed to other users, and to one's own when the process has changed its user.
        found = _PSS.search((folder / "smaps_rollup").read_text())
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
