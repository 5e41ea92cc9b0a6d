"""Reaps what has ended, finds out whose it was and why, and tells those that it concerns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from uncork.errors import AppError, EnvironmentProblem, UsageError
from uncork.supervisor.cgroup import OutOfMemory
from uncork.supervisor.deaths import Death, read_status
from uncork.supervisor.duty import Duty
from uncork.supervisor.elections import Elections
from uncork.supervisor.fleet import Fleet
from uncork.supervisor.lost_requests import tell_of_lost
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.worker_channels import WorkerChannels

# What a worker ends with when it has told of an error.
_TOLD = {each.exit_code for each in (UsageError, AppError, EnvironmentProblem)}


class Reaping:
    """Knows by its channel whether a process is a worker.

    Args:
        channels: Those of workers that have not been reaped.
        scoreboard: Where each has a row, until then.
        fleet: Told of workers.
        elections: Told of workers too, when the fleet is.
        duties: Told of all; there may come more.
    """

    def __init__(
        self,
        channels: WorkerChannels,
        scoreboard: Scoreboard,
        fleet: Fleet,
        elections: Elections,
        duties: Sequence[Duty],
    ) -> None:
        self._channels = channels
        self._scoreboard = scoreboard
        self._fleet = fleet
        self._elections = elections
        self._duties = duties
        self._out_of_memory = OutOfMemory()

    def reap(self, ended: Iterable[tuple[int, int]], listen_to: Callable[[int], None]) -> None:
        """Attends to each process that has ended by now.

        Args:
            ended: What `ended_processes` gives.
            listen_to: Hears what a worker said before it died; it may be none by that.
        """
        for pid, status in ended:
            if self._channels.is_open(pid):
                listen_to(pid)
            if pid in self._channels:
                self._channels.remove(pid).close()
                self._bury(pid, status)
            else:
                self._tell_duties(pid, status)

    def forget(self, pid: int) -> None:
        """The process is no worker any more: its row is free, and no duty knows it."""
        if (row := self._scoreboard.row_of(pid)) is not None:
            self._scoreboard.release(row)
        for duty in self._duties:
            duty.on_worker_death(pid)

    def _bury(self, pid: int, status: int) -> None:
        death = read_status(status, was_out_of_memory=self._out_of_memory.has_struck())
        now = time.monotonic()
        if (row := self._scoreboard.row_of(pid)) is not None:
            death = tell_of_lost(self._scoreboard, row, self._fleet.name_of(pid), death, now)
        self.forget(pid)
        if self._is_untold(death):
            death = replace(death, exit_code=None)
        self._fleet.on_death(pid, death, now)
        self._elections.on_death(pid)

    def _is_untold(self, death: Death) -> bool:
        """Whether it would end the server, and nobody has said why: by `os._exit`, say."""
        is_trying = self._fleet.serving is None and not self._fleet.is_ending
        return is_trying and bool(death.exit_code) and death.exit_code not in _TOLD

    def _tell_duties(self, pid: int, status: int) -> None:
        death = read_status(status, was_out_of_memory=None)
        for duty in self._duties:
            if duty.on_death(pid, death, time.monotonic()):
                return
        # As process 1: an orphan of somebody's.
