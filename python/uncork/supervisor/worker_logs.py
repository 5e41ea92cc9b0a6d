"""The logs, as a worker has them: descriptors that the supervisor sends, now and again later."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

_STDERR = 2


class WorkerLogs:
    """Takes in descriptors from the thread that reads them, for the one that serves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._access: int | None = None
        self._reopen: Callable[[int], None] | None = None

    @property
    def access_log(self) -> int | None:
        """The descriptor of the access log, which stays ours; `None`: there is none."""
        return self._access

    def take(self, names: Sequence[str], descriptors: Sequence[int]) -> None:
        """Logs to `descriptors` from here on; what they are for stands in `names`."""
        for name, descriptor in zip(names, descriptors, strict=True):
            if name == "error":
                os.dup2(descriptor, _STDERR)
                os.close(descriptor)
            else:
                self._take_access_log(descriptor)

    def tell_later_ones(self, reopen: Callable[[int], None]) -> None:
        """Calls `reopen` for the access log as it is, and whenever it is another one."""
        with self._lock:
            self._reopen = reopen
            if self._access is not None:
                reopen(self._access)

    def close(self) -> None:
        """Closes the access log: this process writes none."""
        with self._lock:
            if self._access is not None:
                os.close(self._access)
                self._access = None

    def _take_access_log(self, descriptor: int) -> None:
        with self._lock:
            before, self._access = self._access, descriptor
            if self._reopen is not None:
                self._reopen(descriptor)
        if before is not None:
            os.close(before)
