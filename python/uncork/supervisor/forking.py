"""The one place that forks.

A worker begins where `serve` was called: the fork is told as an exception, which unwinds the
supervisor's loop, so that nothing of it is left on the stack and each `with` block gives back
what the supervisor had.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from uncork.supervisor.channel import Channel
from uncork.supervisor.supervisor_signals import fork_with_signals_waiting


class InWorker(BaseException):
    """Raised in the new process.

    Attributes:
        generation: The number of the worker's generation.
        is_first: Whether it is the first of that generation.
        channel: The worker's end.
        row: Its row on the scoreboard; `None`: there was none left.
    """

    def __init__(
        self, generation: int, channel: Channel, *, is_first: bool, row: int | None
    ) -> None:
        super().__init__()
        self.generation = generation
        self.channel = channel
        self.is_first = is_first
        self.row = row


def fork_worker(generation: int, *, is_first: bool, row: int | None) -> tuple[int, Channel]:
    """The process id of a new worker, and the supervisor's end of the channel to it.

    Raises:
        InWorker: This is the new process. Signals wait until `hear_from_here` is called.
        OSError: The machine refuses a process or descriptors.
    """
    own, workers = Channel.pair()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()  # what is left in them would be written twice
    try:
        pid = fork_with_signals_waiting(os.fork)
    except OSError:
        own.close()
        workers.close()
        raise
    if not pid:
        own.close()
        raise InWorker(generation, workers, is_first=is_first, row=row)
    workers.close()
    return pid, own
