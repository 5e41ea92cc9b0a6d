"""How many workers there are, and why.

As many as there are CPUs, and as fit into the memory. Never the number of CPUs of the machine: in a
container that may use one of 64, 64 workers would only be in each other's way.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from uncork import console
from uncork.settings import ResolvedSettings
from uncork.supervisor.cgroup import Cgroup

_KIB, _MIB = 1024, 1024**2
# Of the memory: for what workers grow by, the supervisor, and the files that they read.
_SPARE_SHARE = 0.2


@dataclass(frozen=True)
class WorkerCount:
    """A number of workers, and in a few words the reason for it.

    Attributes:
        is_scaled: Whether somebody asked the running server for it, so that nothing else counts.
    """

    number: int
    reason: str
    is_scaled: bool = False


def scaled_to(number: int) -> WorkerCount:
    """As many as somebody asked the running server for."""
    return WorkerCount(number, "as it was scaled to", is_scaled=True)


def worker_count(resolved: ResolvedSettings) -> WorkerCount:
    """As many as the settings say, or as the machine gives."""
    if resolved.values.workers is not None:
        return WorkerCount(resolved.values.workers, resolved.origins["workers"].text)
    return count_for(usable_cpus(), os.cpu_count() or 1, Cgroup().cpu_quota())


def count_for(usable: int, present: int, quota: float | None) -> WorkerCount:
    """One for each CPU's worth of time.

    Args:
        usable: CPUs that this process may run on.
        present: CPUs of the machine.
        quota: How many CPUs' worth of time its cgroup may use; `None` is no limit.
    """
    if quota is not None and quota < usable:
        # Half a CPU more is rather a second worker that waits than half a CPU left unused.
        return WorkerCount(max(1, math.ceil(quota)), f"the CPU quota is {round(quota, 2):g}")
    if usable == 1:
        return WorkerCount(1, "there is one CPU")
    return WorkerCount(usable, "one for each CPU" + (" it may use" if usable < present else ""))


class MemoryBudget:
    """The memory that workers may take together, as it was when the first one had the app loaded.

    Args:
        cgroup: Has the limit.
        meminfo: Says how much there is without one.
    """

    def __init__(self, cgroup: Cgroup | None = None, meminfo: Path = Path("/proc/meminfo")) -> None:
        self._cgroup = cgroup or Cgroup()
        self._meminfo = meminfo
        self._available: int | None = None

    def bounded(self, count: WorkerCount, each: int, *, may_reduce: bool) -> WorkerCount:
        """As many workers as fit, if a worker takes `each` bytes, and at least one.

        A number that somebody has set stays; when they look like too many, a note is printed.
        """
        found = self._memory(each)
        if found is None or each <= 0:
            return count
        total, name = found
        fit = max(1, int(total * (1 - _SPARE_SHARE)) // each)
        if fit >= count.number:
            return count
        size = _mebibytes(each)
        if not may_reduce:
            console.note(
                f"{count.number} workers ({count.reason}) may be too many: "
                f"each takes {size} with the app loaded, and {name} is {_mebibytes(total)}"
            )
            return count
        reason = f"memory for {fit} of {count.number}: {name} is {_mebibytes(total)}, {size} each"
        return WorkerCount(fit, reason)

    def _memory(self, each: int) -> tuple[int, str] | None:
        """What all workers may take, and what it is."""
        if self._available is None and (available := self._read_available()) is not None:
            self._available = available + each  # the first one is there already
        found = []
        if self._available is not None:
            found.append((self._available, "what is available"))
        if (limit := self._cgroup.memory_limit()) is not None:
            found.append((limit, "the limit"))
        return min(found, default=None)

    def _read_available(self) -> int | None:
        try:
            lines = self._meminfo.read_text().splitlines()
        except OSError:
            return None
        for line in lines:
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * _KIB
        return None


def _mebibytes(count: int) -> str:
    return f"{max(1, round(count / _MIB))} MiB"


def usable_cpus() -> int:
    """How many CPUs this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
