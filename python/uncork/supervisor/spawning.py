"""Starts workers: each gets its row of the scoreboard, and its channel."""

from __future__ import annotations

from collections.abc import Callable

from uncork.errors import EnvironmentProblem
from uncork.supervisor.channel import Channel
from uncork.supervisor.forking import Post, fork_worker
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.templates import Templates
from uncork.supervisor.worker_channels import WorkerChannels


class Spawning:
    """Starts workers, from the template of their generation if there is one.

    Args:
        scoreboard: Gives rows.
        channels: Gets the channel of each.
        templates: Fork those that they can.

    Attributes:
        make: Starts all others.
    """

    def __init__(
        self, scoreboard: Scoreboard, channels: WorkerChannels, templates: Templates
    ) -> None:
        self._scoreboard = scoreboard
        self._channels = channels
        self._templates = templates
        self.make: Callable[[Post], tuple[int, Channel]] = fork_worker

    def spawn(self, generation: int, index: int, *, is_first: bool) -> int:
        """Starts a worker and returns its process id.

        Raises:
            EnvironmentProblem: The machine refuses.
            InWorker: This is the new worker.
        """
        may_become_template = is_first and self._templates.is_wanted(generation)
        row = self._scoreboard.claim(generation, index)
        post = Post(generation, index, is_first, row, may_become_template)
        try:
            pid, channel = self._templates.spawn(post) or self.make(post)
        except OSError as error:
            if row is not None:
                self._scoreboard.release(row)
            raise EnvironmentProblem(
                "a worker could not be started",
                cause=(error.strerror or str(error)).lower(),
                hints=("check how many processes and files are allowed: `ulimit -u`, `ulimit -n`",),
            ) from None
        self._channels.add(pid, channel)
        if row is not None:
            self._scoreboard.occupy(row, pid)
        return pid
