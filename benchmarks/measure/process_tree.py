"""CPU time and memory of a process and all that came from it, from `/proc`."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.samples import Disqualified

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessTree:
    """The process `root` and its descendants."""

    root: int

    def cpu_seconds(self) -> dict[int, float]:
        """User and system time of each process, its ended threads included."""
        times = {}
        for pid in self.pids():
            with suppress(OSError):
                fields = _stat_fields(pid)
                times[pid] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
        return times

    def pss_mib(self) -> float:
        """The proportional set size of all processes."""
        kib = 0
        for pid in self.pids():
            with suppress(OSError):
                for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kib += int(line.split()[1])
        return kib / 1024

    def pids(self) -> list[int]:
        """The root first, then the rest."""
        found = [self.root]
        for pid in found:  # grows while it is walked
            with suppress(OSError):
                for children in (_PROC / str(pid) / "task").glob("*/children"):
                    found += [int(child) for child in children.read_text().split()]
        return found


def cpu_between(before: dict[int, float], after: dict[int, float]) -> float:
    """CPU seconds between two readings.

    Raises:
        Disqualified: A process of the first reading is gone.
    """
    if gone := before.keys() - after.keys():
        raise Disqualified(f"{len(gone)} of the server's processes ended under load")
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def _stat_fields(pid: int) -> list[str]:
    # What follows the name, which may hold blanks: proc_pid_stat(5), from field 3 on.
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
