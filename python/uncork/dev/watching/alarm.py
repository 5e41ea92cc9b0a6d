"""Has the kernel wake this process when inotify has something to tell, so that it need not look.

The native watcher can only be asked again and again. Its inotify descriptor, which the kernel
lists under `/proc`, can be told to send a signal (`O_ASYNC`, fcntl(2)); unlike readiness, which
the watcher's own thread takes away, a signal is never missed.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Self

_DESCRIPTORS = Path("/proc/self/fd")
_READ_BYTES = 512


class Alarm:
    """The other end of those signals; for the main thread of a process that uses no others."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGIO, _hear)
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)

    @classmethod
    def if_there_can_be(cls) -> Self | None:
        """One, where the system has inotify and `/proc`."""
        return cls() if sys.platform == "linux" and _DESCRIPTORS.is_dir() else None

    def set_on(self, descriptors: frozenset[int]) -> bool:
        """Whether there are any; has each of them wake this process."""
        try:
            for each in descriptors:
                fcntl.fcntl(each, fcntl.F_SETOWN, os.getpid())
                fcntl.fcntl(each, fcntl.F_SETFL, fcntl.fcntl(each, fcntl.F_GETFL) | os.O_ASYNC)
        except OSError:
            return False
        return bool(descriptors)

    def wait(self, seconds: float, interrupt: int) -> bool:
        """Whether it went off within that time; `interrupt` is a descriptor that ends the wait.

        -1: there is none.
        """
        if interrupt >= 0:
            self._poll.register(interrupt, select.POLLIN)
        try:
            ready = self._poll.poll(seconds * 1000)
        finally:
            if interrupt >= 0:
                self._poll.unregister(interrupt)
        went_off = any(descriptor == self._reader for descriptor, _ in ready)
        if went_off:
            with suppress(BlockingIOError):
                while os.read(self._reader, _READ_BYTES):
                    pass
        return went_off


def inotify_descriptors() -> frozenset[int]:
    """Those of this process."""
    return frozenset(_inotify_descriptors())


def _inotify_descriptors() -> Iterator[int]:
    with suppress(OSError):
        for each in list(_DESCRIPTORS.iterdir()):
            with suppress(OSError, ValueError):
                if os.readlink(each) == "anon_inode:inotify":  # noqa: PTH115 (no path)
                    yield int(each.name)


def _hear(number: int, frame: FrameType | None) -> None:
    del number, frame  # C has written it into the pipe by now
