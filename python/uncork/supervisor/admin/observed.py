"""The server, as the admin process sees it: by what the supervisor says, and by looking."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from uncork.supervisor.admin.collecting import Observation, families
from uncork.supervisor.admin.exposition import Family
from uncork.supervisor.admin.link import AdminLink
from uncork.supervisor.admin.readiness import why_not_alive, why_not_ready
from uncork.supervisor.memory import memory_of
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.status import ServerStatus


class ObservedServer:
    """What the admin application tells about; for any thread.

    Args:
        link: To the supervisor.
        scoreboard: Read directly, so that a worker that is stuck is seen as it is.
    """

    def __init__(self, link: AdminLink, scoreboard: Scoreboard) -> None:
        self._link = link
        self._scoreboard = scoreboard

    def why_not_alive(self) -> str | None:
        """What is wrong with the supervisor; `None`: it is alive, and its loop turns."""
        self._link.ask()
        return why_not_alive(self._link.unanswered_seconds)

    def why_not_ready(self) -> str | None:
        """Why no request should be sent here; `None`: there is a worker that answers."""
        return self._why_not_ready(self._link.ask())

    def families(self) -> Iterable[Family]:
        """All the metrics with their values; none before the supervisor has answered once."""
        status = self._link.ask()
        if status is None:
            return ()
        roles = _roles(status)
        processes = [*roles, *(worker.pid for worker in status.workers)]
        return families(
            Observation(
                status=status,
                is_ready=self._why_not_ready(status) is None,
                totals=self._scoreboard.totals(),
                ages=self._ages(),
                memory={pid: memory_of(pid) for pid in processes},
                roles=roles,
            )
        )

    def _why_not_ready(self, status: ServerStatus | None) -> str | None:
        trouble = why_not_alive(self._link.unanswered_seconds)
        return trouble or why_not_ready(status, self._ages())

    def _ages(self) -> Mapping[int, float]:
        """The age of each worker's last heartbeat, by its process id."""
        ages = {}
        for row in self._scoreboard.rows:
            worker = self._scoreboard.worker(row)
            if worker.heartbeat is not None:
                ages[worker.pid] = max(0.0, time.monotonic() - worker.heartbeat)
        return ages


def _roles(status: ServerStatus) -> Mapping[int, str]:
    """What each process of the server is that is no worker, by its id."""
    roles = {status.pid: "supervisor", os.getpid(): "admin"}
    roles |= {each.template: "template" for each in status.generations if each.template is not None}
    workers = {worker.pid for worker in status.workers}
    for pid in _children(status.pid):
        if pid not in workers:
            roles.setdefault(pid, "helper")
    return roles


def _children(pid: int) -> list[int]:
    try:
        # Missing where the kernel was built without `CONFIG_PROC_CHILDREN`.
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in children.split()]
