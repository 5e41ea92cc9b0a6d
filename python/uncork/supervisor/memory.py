"""How much memory a process takes, as Linux tells it; elsewhere it is unknown."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FIELD = re.compile(r"^(Pss|Pss_Anon|Anonymous|Private_Dirty):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Memory:
    """In bytes; what can't be known is `None`.

    Attributes:
        resident: With all that is shared with other processes.
        proportional: With its part of it: a page of three processes counts a third to each.
        anonymous: The part of `resident` that is of no file: what the program has made itself.
        anonymous_proportional: The part of `proportional` that is.
    """

    resident: int | None
    proportional: int | None
    anonymous: int | None = None
    anonymous_proportional: int | None = None


def memory_of(pid: int | None = None, *, proc: Path = Path("/proc")) -> Memory:
    """The memory of a process, or of this one; unknown of one that has gone.

    Takes some milliseconds for each gibibyte.
    """
    folder = proc / ("self" if pid is None else str(pid))
    found = _fields(folder)
    return Memory(
        _resident(folder), found.get("Pss"), found.get("Anonymous"), found.get("Pss_Anon")
    )


def shared_with_parent(*, proc: Path = Path("/proc")) -> int | None:
    """How many bytes this process has still from the one that it was forked from."""
    found = _fields(proc / "self")
    if "Anonymous" not in found or "Private_Dirty" not in found:
        return None
    return max(0, found["Anonymous"] - found["Private_Dirty"])


def saved_by_preloading(
    template: Memory, workers: Sequence[Memory], from_supervisor: int = 0
) -> int | None:
    """How many bytes less the workers take, and their template, than without a template.

    By itself each worker would have for its own what the app has made; what is of files is shared
    in either case. Less than nothing, if the template costs more than it saves.

    Args:
        template: That of the template.
        workers: That of each worker.
        from_supervisor: How many bytes each of them has from the supervisor, in either case.
    """
    sharing = len(workers) + 1
    by_themselves = -from_supervisor * len(workers)
    # Of a page that they all have, a part counts to each of them, and one to the supervisor.
    together = -from_supervisor * sharing // (sharing + 1)
    for memory in workers:
        if memory.anonymous is None or memory.anonymous_proportional is None:
            return None
        by_themselves += memory.anonymous
        together += memory.anonymous_proportional
    if template.anonymous_proportional is None:
        return None
    return by_themselves - together - template.anonymous_proportional


def _fields(folder: Path) -> dict[str, int]:
    try:
        # Closed to other users, and to one's own when the process has changed its user.
        fields = _FIELD.findall((folder / "smaps_rollup").read_text())
    except OSError:
        fields = []
    return {name: int(kib) * 1024 for name, kib in fields}


def resident_of(pid: int) -> int | None:
    """The first half of it, which costs the kernel nothing to tell."""
    return _resident(Path(f"/proc/{pid}"))


def _resident(folder: Path) -> int | None:
    try:
        pages = int((folder / "statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
