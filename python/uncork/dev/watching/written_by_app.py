"""Files that the app itself writes: a reload because of them would have no end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from uncork.dev.watching.change import Change

_PROC = Path("/proc")
# The last bytes may come when the file is closed, which is seen as one more change.
_AFTERWARDS_SECONDS = 2.0


class WrittenByApp:
    """Knows what the processes of the app have open for writing, or had a moment ago.

    Args:
        pids: The app's processes; those that they have started belong to them. Only where there
            is a `/proc`, something is known of their files.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._seen: dict[str, float] = {}

    def left_of(self, changes: list[Change], now: float) -> list[Change]:
        """The changes that somebody else has made."""
        if not changes:
            return changes
        for pid in _with_descendants(self._pids()):
            for path in written_by(pid):
                self._seen[path] = now
        self._seen = {path: at for path, at in self._seen.items() if now - at < _AFTERWARDS_SECONDS}
        return [change for change in changes if str(change.path) not in self._seen]


def written_by(pid: int) -> Iterator[str]:
    """The regular files that a process has open for writing."""
    folder = _PROC / str(pid)
    try:
        descriptors = list((folder / "fd").iterdir())
    except OSError:
        return
    for each in descriptors:
        with suppress(OSError, ValueError):
            target = os.readlink(each)  # noqa: PTH115 (text, as it is)
            if target.startswith("/") and _is_for_writing(folder / "fdinfo" / each.name):
                yield target


def _is_for_writing(info: Path) -> bool:
    """What proc_pid_fdinfo(5) says of one descriptor."""
    for line in info.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "flags":
            return int(value, 8) & os.O_ACCMODE != os.O_RDONLY
    return False


def _with_descendants(pids: Iterable[int]) -> Iterator[int]:
    for pid in pids:
        yield pid
        try:
            threads = list((_PROC / str(pid) / "task").iterdir())
        except OSError:
            continue
        for thread in threads:
            with suppress(OSError, ValueError):
                children = (thread / "children").read_text()
                yield from _with_descendants([int(each) for each in children.split()])
