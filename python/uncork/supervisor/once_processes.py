"""The processes that run once beside the workers: started, watched, replaced and ended.

They begin when the app serves, so an app that does not boot starts none. With each reload that is
done, a process is asked to end, and starts anew when it has: there are never two copies. A reload
that fails does not touch them.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from uncork import console
from uncork.settings import OnceProcess
from uncork.supervisor.channel import Channel, Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.ending import LAST_SECONDS
from uncork.supervisor.forking import fork_process
from uncork.supervisor.once_process import run_once_process
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.status import OnceState, OnceStatus, ServerStatus
from uncork.supervisor.worker_process import Plan

# What "at once" leaves to a process that was asked to end.
_AT_ONCE_SECONDS = 2.0
# A restart that is about to come is asked for all the while. Longer than a turn of the loop.
_HELD_SECONDS = 1.0

Fork = Callable[[Callable[[Channel], int]], tuple[int, Channel]]


class _State(Enum):
    WAITING = "is started at its time"
    RUNNING = "runs"
    ENDING = "was asked to end"
    KILLED = "was killed, as it did not end"
    FINISHED = "has ended with 0, and is not started again"


_TOLD_STATES: Mapping[_State, OnceState] = {
    _State.WAITING: "waiting",
    _State.RUNNING: "running",
    _State.ENDING: "ending",
    _State.KILLED: "killed",
    _State.FINISHED: "finished",
}


@dataclass
class _Copy:
    """The one copy of a process.

    Attributes:
        at: When it is started, or killed; `None`: neither.
        channel: While it runs.
    """

    process: OnceProcess
    plan: Plan
    at: float | None
    state: _State = _State.WAITING
    pid: int | None = None
    channel: Channel | None = None
    started_at: float = 0.0
    respawning: Respawning = field(default_factory=Respawning)

    @property
    def name(self) -> str:
        """As the log has it."""
        return f"`{self.process.name}` (process {self.pid})"

    @property
    def is_alive(self) -> bool:
        """Whether there is a process."""
        return self.pid is not None


class OnceProcesses(Duty):
    """All of a server's.

    Args:
        plan_of: What a generation was started with.
        fork: Starts a process.
    """

    def __init__(self, plan_of: Callable[[int], Plan], fork: Fork = fork_process) -> None:
        self._plan_of = plan_of
        self._fork = fork
        self._wanted: dict[str, OnceProcess] = {}
        self._plan: Plan | None = None
        self._copies: dict[str, _Copy] = {}
        self._restarts: Counter[str] = Counter()
        self._is_ending = False
        self._held_until: float | None = None

    @property
    def has_ended(self) -> bool:
        """Whether none is left."""
        return not any(copy.is_alive for copy in self._copies.values())

    def on_generation(self, generation: int, now: float) -> None:
        """Has each copy end, and starts those of that generation."""
        if self._is_ending:
            return
        self._plan = self._plan_of(generation)
        self._wanted = {each.name: each for each in self._plan.resolved.values.once}
        for name, copy in list(self._copies.items()):
            if copy.is_alive:
                self._ask_to_end(copy, now)
            else:
                del self._copies[name]
        for name in self._wanted:
            self._begin(name, now)

    def on_end(self, now: float, *, at_once: bool) -> None:
        """Has each copy end."""
        self._is_ending = True
        for name, copy in list(self._copies.items()):
            if not copy.is_alive:
                del self._copies[name]
            else:
                self._ask_to_end(copy, now)
                if at_once and copy.state is _State.ENDING:
                    copy.at = now + _AT_ONCE_SECONDS

    def let_go(self) -> bool:
        """Has each copy end; if no restart comes of it, they start again after a moment."""
        now = time.monotonic()
        self._held_until = now + _HELD_SECONDS
        for name, copy in list(self._copies.items()):
            if copy.is_alive:
                self._ask_to_end(copy, now)
            elif copy.state is _State.WAITING:
                del self._copies[name]
        return self.has_ended

    def next_deadline(self) -> float | None:
        """When one is to be started or killed."""
        due = [copy.at for copy in self._copies.values()]
        return min((at for at in (*due, self._held_until) if at is not None), default=None)

    def on_time(self, now: float) -> None:
        """Starts and kills those whose time has come.

        Raises:
            InProcess: This is one of them.
        """
        if self._held_until is not None and now >= self._held_until:
            self._held_until = None
            for name in self._wanted:
                self._begin(name, now)
        for copy in self._copies.values():
            if copy.at is None or now < copy.at:
                continue
            if copy.state is _State.WAITING:
                self._start(copy, now)
            else:
                console.warn(f"{copy.name} was killed: it did not end")
                self._kill(copy)

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Starts it again, or its successor, or none."""
        copy = next((each for each in self._copies.values() if each.pid == pid), None)
        if copy is None:
            return False
        name = copy.process.name
        if copy.channel is not None:
            copy.channel.close()
        if copy.state is _State.RUNNING:
            self._go_on(copy, death, now)
            copy.pid = copy.channel = None
            return True
        del self._copies[name]
        if name in self._wanted:
            self._begin(name, now)
        return True

    def described(self, status: ServerStatus, now: float) -> ServerStatus:
        """Names each."""
        copies = tuple(self._described(each, now) for each in self._copies.values())
        return replace(status, once=copies)

    def on_logs(self, message: Message) -> None:
        """Tells each; a command has its own program by now, and does not hear it."""
        for copy in self._copies.values():
            if copy.channel is not None:
                copy.channel.send(message)

    def close(self) -> None:
        """Lets go of them: the end of its channel tells a process that the supervisor is gone."""
        for copy in self._copies.values():
            if copy.channel is not None:
                copy.channel.close()

    def _described(self, copy: _Copy, now: float) -> OnceStatus:
        return OnceStatus(
            name=copy.process.name,
            run=copy.process.text,
            pid=copy.pid,
            state=_TOLD_STATES[copy.state],
            age_seconds=now - copy.started_at if copy.is_alive else None,
            restarts=self._restarts[copy.process.name],
        )

    def _begin(self, name: str, now: float) -> None:
        is_held = self._held_until is not None or self._is_ending
        if name not in self._copies and self._plan is not None and not is_held:
            self._copies[name] = _Copy(self._wanted[name], self._plan, at=now)

    def _start(self, copy: _Copy, now: float) -> None:
        process, plan = copy.process, copy.plan

        def run(channel: Channel) -> int:
            return run_once_process(process, plan, channel)

        try:
            copy.pid, copy.channel = self._fork(run)
        except OSError as error:
            wait = copy.respawning.seconds_after(None)
            why = (error.strerror or str(error)).lower()
            console.warn(f"`{process.name}` could not be started: {why}; again in {wait:.1f} s")
            copy.at = now + wait
            return
        copy.state, copy.at, copy.started_at = _State.RUNNING, None, now
        console.say(f"{copy.name} runs `{process.text}` once, beside the workers")

    def _go_on(self, copy: _Copy, death: Death, now: float) -> None:
        """One has ended by itself."""
        if death.exit_code == 0 and copy.process.restart != "always":
            console.say(f"{copy.name} has finished")
            copy.state = _State.FINISHED
            return
        self._restarts[copy.process.name] += 1
        wait = copy.respawning.seconds_after(now - copy.started_at)
        then = f"the next try is in {wait:.1f} s" if wait else "it is started again"
        console.warn(f"{copy.name} {death.text}; {then}")
        copy.state, copy.at = _State.WAITING, now + wait

    def _ask_to_end(self, copy: _Copy, now: float) -> None:
        if copy.state is _State.RUNNING and copy.pid is not None:
            graceful_seconds = copy.plan.resolved.values.graceful_timeout
            copy.state, copy.at = _State.ENDING, now + graceful_seconds + LAST_SECONDS
            os.kill(copy.pid, signal.SIGTERM)

    def _kill(self, copy: _Copy) -> None:
        if copy.pid is not None:
            copy.state, copy.at = _State.KILLED, None
            os.kill(copy.pid, signal.SIGKILL)
