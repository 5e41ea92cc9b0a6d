"""What the supervisor attends to beside its workers: one object for each, in one list.

All are called from the supervisor's one thread, so none may block.
"""

from __future__ import annotations

from collections.abc import Sequence

from uncork.supervisor.channel import Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.status import ServerStatus


class Duty:
    """One thing to attend to; what a duty does not need of this, it leaves as it is."""

    def descriptors(self) -> Sequence[int]:
        """What to wait for: `on_readable` is called when there is something to read."""
        return ()

    def on_readable(self, descriptor: int, now: float) -> None:
        """One of `descriptors` has something to read, or has ended."""

    def next_deadline(self) -> float | None:
        """When `on_time` has something to do, by the monotonic clock; `None`: nothing is due."""
        return None

    def on_time(self, now: float) -> None:
        """Does what is due; called whenever the loop turns."""

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Whether the process that was reaped is this duty's own, and no worker."""
        del pid, death, now
        return False

    def on_message(self, pid: int, message: Message, now: float) -> None:
        """A worker has said something that is not about its own life."""

    def on_worker_death(self, pid: int) -> None:
        """A worker was reaped."""

    def let_go(self) -> bool:
        """Whether no process of its own is left; asked again and again before a restart.

        The next program of this process would not know them. Each is to be asked to end when this
        is called for the first time; a duty is asked when those before it have let go. That a
        restart does not come after all, is told by nothing else than that it does not come.
        """
        return True

    def on_logs(self, message: Message) -> None:
        """The logs were opened anew; `message` tells a process of its own to write there."""

    def on_generation(self, generation: int, now: float) -> None:
        """That generation serves from now on: the first one, or a reload is done."""

    def on_end(self, now: float, *, at_once: bool) -> None:
        """The server was asked to stop, `at_once` or when what runs has finished."""

    def described(self, status: ServerStatus, now: float) -> ServerStatus:
        """The status, with what there is to say of this duty."""
        del now
        return status

    @property
    def has_ended(self) -> bool:
        """Whether the supervisor need not wait for this duty any longer, once it is to end."""
        return True

    def close(self) -> None:
        """Gives back what it has: in the supervisor at its end, and in each new worker."""
