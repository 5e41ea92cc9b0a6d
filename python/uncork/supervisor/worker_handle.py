"""What the supervisor knows of one worker."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a worker is in its life."""

    BOOTING = "loads the app"
    READY = "serves"
    DRAINING = "finishes what runs, as asked"
    STOPPING = "ends at once, as asked"
    KILLED = "was killed, as it did not end"


_TRANSITIONS: dict[State, frozenset[State]] = {
    State.BOOTING: frozenset({State.READY, State.DRAINING, State.STOPPING, State.KILLED}),
    State.READY: frozenset({State.DRAINING, State.STOPPING, State.KILLED}),
    State.DRAINING: frozenset({State.STOPPING, State.KILLED}),
    State.STOPPING: frozenset({State.KILLED}),
    State.KILLED: frozenset(),
}


@dataclass
class WorkerHandle:
    """One worker, from its fork to the moment it was reaped.

    Attributes:
        index: Its place among the workers of its generation; that of a dead one is taken again.
        started_at: When it was forked.
        deadline: When it must have left its state; `None`: whenever it likes.
        ready_at: When it began to serve; `None`: it has not yet.
    """

    pid: int
    index: int
    generation: int
    graceful_seconds: float
    started_at: float
    state: State = State.BOOTING
    deadline: float | None = None
    ready_at: float | None = None

    @property
    def name(self) -> str:
        """As the log has it."""
        return f"worker {self.index + 1} (process {self.pid})"

    @property
    def is_wanted(self) -> bool:
        """Whether it is to serve, now or soon; the others are on their way out."""
        return self.state in (State.BOOTING, State.READY)

    def can_become(self, state: State) -> bool:
        """Whether that state may follow the present one."""
        return state in _TRANSITIONS[self.state]

    def become(self, state: State, deadline: float | None = None) -> None:
        """Enters the next state, which has to be left by `deadline`."""
        assert self.can_become(state), f"{self.name}: {self.state} before {state}"
        self.state = state
        self.deadline = deadline
