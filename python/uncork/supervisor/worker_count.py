"""How many workers there are, and why.

Never the number of CPUs of the machine: in a container that may use one of 64, 64 workers would
only be in each other's way.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from uncork.settings import ResolvedSettings
from uncork.supervisor.cgroup import Cgroup


@dataclass(frozen=True)
class WorkerCount:
    """A number of workers, and in a few words the reason for it."""

    number: int
    reason: str


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


def usable_cpus() -> int:
    """How many CPUs this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
