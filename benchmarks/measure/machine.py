"""What the run ran on: the machine, and how busy it was with other things."""

from __future__ import annotations

import os
import platform
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def describe_machine() -> dict[str, Any]:
    """Facts of the machine that may matter to the numbers."""
    cpu_lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpu_lines if "model name" in line]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "is_virtual": any(" hypervisor" in line for line in cpu_lines),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "Linux"),
        "load_average_at_start": os.getloadavg()[0],
    }


@dataclass(frozen=True)
class Activity:
    """How busy the generator and everything else were, in cores."""

    generator_busy: float
    all_busy: float


class ActivityWatch:
    """Measures from its making until `stop`."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._generator = _own_cpu_seconds()
        self._machine = _machine_cpu_seconds()

    def stop(self) -> Activity:
        """Returns what was used since the making."""
        wall = time.monotonic() - self._started
        return Activity(
            generator_busy=(_own_cpu_seconds() - self._generator) / wall,
            all_busy=(_machine_cpu_seconds() - self._machine) / wall,
        )


def _own_cpu_seconds() -> float:
    # The generators are this process and its ended children; the servers have not ended yet.
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _machine_cpu_seconds() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND
