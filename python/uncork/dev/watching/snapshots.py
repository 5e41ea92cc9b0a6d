"""Tells whether a file has another content than when it was looked at last.

First by what the kernel says of it, whatever has become of it: an older time counts as well. Then
by the content itself, if the file is not large. The contents are read in idle moments; a file
whose content is not known yet counts as changed when it was written.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from uncork.dev.watching.listing import Stamp, stamp, stamp_of

# A larger one takes longer to read than the reload that might be spared.
_MAX_BYTES = 1024 * 1024
# Of contents at a time, on however busy a machine.
_LEAST_READ = 16


class _Known(NamedTuple):
    stamp: Stamp
    digest: int | None


class Snapshots:
    """What each file was like."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._unread: deque[str] = deque()

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, path: str) -> bool:
        return path in self._known

    def paths(self) -> Iterable[str]:
        """All the files that were there."""
        return self._known.keys()

    def stamp(self, path: str) -> Stamp | None:
        """How the file was when it was looked at last."""
        known = self._known.get(path)
        return known.stamp if known else None

    def below(self, folder: str) -> Iterator[str]:
        """The files in it, at any depth, that were there."""
        prefix = folder.rstrip("/") + "/"
        return (path for path in self._known if path.startswith(prefix))

    def adopt(self, files: Iterable[tuple[str, Stamp]]) -> None:
        """Takes files as they are, without a change."""
        for path, found in files:
            if path not in self._known:
                self._known[path] = _Known(found, None)
                self._unread.append(path)

    def forget_all_but(self, files: Iterable[str]) -> None:
        """Those others are not watched any longer."""
        wanted = set(files)
        self._known = {path: known for path, known in self._known.items() if path in wanted}

    def is_halfway(self, path: str) -> bool:
        """Whether the file has gone or lost its content: many a program writes it next."""
        known = self._known.get(path)
        if known is None:
            return False
        found = stamp_of(path)
        return found is None or (found[1] == 0 and known.stamp[1] > 0)

    def has_changed(self, path: str) -> bool:
        """Whether it has another content, is new or is gone; notes how it is now."""
        known = self._known.get(path)
        found = stamp_of(path)
        if found is None:
            return self._known.pop(path, None) is not None
        if known is not None and known.stamp == found:
            return False
        digest, found = _read(path, found)
        self._known[path] = _Known(found, digest)
        is_same = known is not None and digest is not None and known.digest == digest
        return not is_same

    def read_some(self, seconds: float) -> bool:
        """Reads for about so long what was not read yet; whether something is left."""
        deadline = time.monotonic() + seconds
        least = _LEAST_READ
        while self._unread and (least > 0 or time.monotonic() < deadline):
            least -= 1
            path = self._unread.popleft()
            known = self._known.get(path)
            if known is not None and known.digest is None:
                digest, found = _read(path, known.stamp)
                if found == known.stamp:  # else it was written: there is an event to come
                    self._known[path] = _Known(found, digest)
        return bool(self._unread)


def _read(path: str, found: Stamp) -> tuple[int | None, Stamp]:
    """A number that stands for the content, and how the file was that was read.

    `None`: it is large, can't be read, or was written meanwhile. The number is one of this
    process's own (Python's keyed hash of bytes), which is enough to compare.
    """
    if found[1] >= _MAX_BYTES:
        return None, found
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None, found
    try:
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 (a descriptor)
            before = stamp(os.fstat(descriptor))
            data = file.read(_MAX_BYTES + 1)
            after = stamp(os.fstat(descriptor))
    except OSError:
        return None, found
    if before != after or len(data) != after[1]:
        return None, before
    return hash(data), after
