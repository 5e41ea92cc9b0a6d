"""What the cgroups of this process say: its share of CPUs and memory, and deaths for want of it.

Version 2 has one tree, version 1 one for each controller (cgroups(7)). In a container either is
mounted so that the container's own group is the root, whatever `/proc/self/cgroup` says; so
each path is looked at from there upwards, and what is not there is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Cgroup:
    """The groups that this process is in.

    Attributes:
        proc: Where the process's own `cgroup` file is.
        mount: Where the trees are mounted.
    """

    proc: Path = Path("/proc/self")
    mount: Path = Path("/sys/fs/cgroup")

    def cpu_quota(self) -> float | None:
        """How many CPUs' worth of time it may use: the lowest limit; `None` without one."""
        quotas = [*self._quotas_v2(), *self._quotas_v1()]
        return min(quotas, default=None)

    def memory_limit(self) -> int | None:
        """How many bytes of memory it may use: the lowest limit; `None` without one."""
        files = [
            *(folder / "memory.max" for folder in self._folders("")),
            *(folder / "memory.limit_in_bytes" for folder in self._folders("memory")),
        ]
        limits = [int(text) for file in files if (text := "".join(_lines(file))).isdigit()]
        # Without a limit, version 2 says `max`, and version 1 the largest number of whole pages.
        return min((limit for limit in limits if limit < _NO_LIMIT), default=None)

    def out_of_memory_kills(self) -> int | None:
        """How many processes the kernel has killed here for want of memory; `None`: unknown."""
        for folders, name in (
            (self._folders(""), "memory.events"),
            (self._folders("memory"), "memory.oom_control"),
        ):
            for folder in folders:
                for line in _lines(folder / name):
                    key, _, value = line.partition(" ")
                    if key == "oom_kill" and value.isdigit():
                        return int(value)
        return None

    def _quotas_v2(self) -> Iterator[float]:
        for folder in self._folders(""):
            for line in _lines(folder / "cpu.max"):
                quota, _, period = line.partition(" ")
                if quota.isdigit() and period.isdigit() and int(period):
                    yield int(quota) / int(period)

    def _quotas_v1(self) -> Iterator[float]:
        for folder in self._folders("cpu"):
            quota = "".join(_lines(folder / "cpu.cfs_quota_us"))
            period = "".join(_lines(folder / "cpu.cfs_period_us"))
            # Without a limit the quota is -1.
            if quota.isdigit() and period.isdigit() and int(period):
                yield int(quota) / int(period)

    def _folders(self, controller: str) -> Iterator[Path]:
        """The process's own group in one tree, and those above it; `""` is version 2's."""
        for line in _lines(self.proc / "cgroup"):
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controller not in controllers.split(","):
                continue
            # With both versions mounted, version 2 is the one that has no controllers.
            roots = (self.mount / controllers, self.mount / controller) if controller else ()
            root = next((root for root in roots if root.is_dir()), self.mount)
            inner = Path(path.lstrip("/"))
            if ".." in inner.parts:
                inner = Path()
            yield root / inner
            yield from (root / parent for parent in inner.parents if inner.parts)


class OutOfMemory:
    """Watches for processes that the kernel kills here for want of memory."""

    def __init__(self) -> None:
        self._cgroup = Cgroup()
        self._kills_seen = self._cgroup.out_of_memory_kills()

    def has_struck(self) -> bool | None:
        """Whether there was one since one looked last; `None`: that can't be known."""
        kills = self._cgroup.out_of_memory_kills()
        before, self._kills_seen = self._kills_seen, kills
        return None if kills is None or before is None else kills > before


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, ValueError):
        return []
