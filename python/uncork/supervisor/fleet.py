"""Decides which workers there are: starts, replaces, reloads, drains.

It is told what happened and when, and acts through `Hands` only; it knows no process, socket or
clock. A generation is one loading of the code. The one that serves is told from the one that is
coming, whose first worker is tried beside it: only when that one serves does it take over. The one
from before stays until the new one is whole, and goes on if it never is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from uncork import console
from uncork.errors import AppError, EnvironmentProblem, UncorkError
from uncork.supervisor.deaths import Death
from uncork.supervisor.ending import LAST_SECONDS
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.worker_handle import State, WorkerHandle

# Beyond what a worker may take by its own clock: its shutdown hooks, the end of the script, of
# threads and of the interpreter, each of which it cuts off itself if it can.
_ENDING_SECONDS = 3 * LAST_SECONDS + 2.0
# A worker tells by itself that it takes too long to load, if something has not stopped it.
_BOOT_GRACE_SECONDS = 5.0
# What a worker that hangs has for saying where it is, before it is killed.
_DUMP_SECONDS = 2.0


@dataclass(frozen=True)
class Generation:
    """One loading of the code, and what of the settings matters here.

    Attributes:
        number: From 1 on.
        workers: How many there are to be.
    """

    number: int
    workers: int
    boot_seconds: float
    graceful_seconds: float


class Hands(Protocol):
    """What the fleet can do."""

    def spawn(self, generation: int, index: int, *, is_first: bool) -> int:
        """Starts a worker and returns its process id; the first of a generation tells more.

        Raises:
            EnvironmentProblem: The machine refuses.
        """

    def drain(self, pid: int) -> None:
        """Has a worker finish what runs, and end."""

    def stop(self, pid: int) -> None:
        """Has a worker end at once."""

    def kill(self, pid: int) -> None:
        """Ends a worker that does not do it itself."""

    def dump(self, pid: int) -> None:
        """Has a worker say where each of its threads is, and die of it."""

    def reload_ended(self, generation: int, *, error: UncorkError | None) -> None:
        """The generation that was coming is whole, or was given up for that error."""

    def took_over(self, generation: int) -> None:
        """All the workers of a new generation serve, and those before it go."""


class Fleet:
    """The workers of one server.

    Attributes:
        exit_code: What the server is to end with.
        has_served: Whether there ever was a worker that served.
        restarts: How often a worker was replaced, by the reason.
    """

    def __init__(self, first: Generation, hands: Hands, respawning: Respawning) -> None:
        self.exit_code = 0
        self.has_served = False
        self.restarts: Counter[str] = Counter()
        self._hands = hands
        self._respawning = respawning
        self._workers: dict[int, WorkerHandle] = {}
        self._serving: Generation | None = None
        self._coming: Generation | None = first
        self._wanted = first.workers
        self._respawn_at: float | None = None
        self._is_ending = False
        # The generation from before, for as long as the one that serves is not whole.
        self._previous: Generation | None = None
        # A worker that goes when another one serves in its place, and that other one.
        self._leaving: int | None = None
        self._successor: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to be done."""
        return self._is_ending and not self._workers

    @property
    def is_ending(self) -> bool:
        """Whether no worker is started any more."""
        return self._is_ending

    @property
    def workers(self) -> Sequence[WorkerHandle]:
        """All that have not been reaped, those of older generations first."""
        return sorted(self._workers.values(), key=lambda each: (each.generation, each.index))

    @property
    def serving(self) -> Generation | None:
        """The generation that serves; `None`: none does yet."""
        return self._serving

    @property
    def coming(self) -> Generation | None:
        """The generation that is tried; `None`: none is."""
        return self._coming

    @property
    def wanted(self) -> int:
        """How many workers are to serve."""
        return self._wanted

    def is_on_trial(self, number: int) -> bool:
        """Whether a generation from before goes on if this one fails."""
        generation = self._coming or self._serving
        fallback = self._serving if self._coming is not None else self._previous
        return generation is not None and generation.number == number and fallback is not None

    @property
    def generations(self) -> frozenset[int]:
        """The numbers of those of which workers may yet be started."""
        if self._is_ending:
            return frozenset()
        each = (self._serving, self._coming, self._previous)
        return frozenset(generation.number for generation in each if generation)

    def generation_of(self, pid: int) -> int:
        """The number of a worker's generation."""
        return self._workers[pid].generation

    @property
    def is_settled(self) -> bool:
        """Whether it serves, and no worker is being started or soon to be."""
        is_trying = any(worker.state is State.BOOTING for worker in self._workers.values())
        is_waiting = self._respawn_at is not None or self._is_ending
        is_changing = self._coming is not None or self._previous is not None
        return self._serving is not None and not (is_changing or is_trying or is_waiting)

    def adopt(self, serving: Generation, workers: Iterable[WorkerHandle]) -> None:
        """Goes on with workers that were started by an earlier program of this process."""
        self._serving, self._coming = serving, None
        self._wanted = serving.workers
        self.has_served = True
        self._workers = {worker.pid: worker for worker in workers}

    def start(self, now: float) -> None:
        """Starts the first worker; the others follow when that one serves.

        Raises:
            EnvironmentProblem: The machine refuses a process.
        """
        self._spawn_first(now)

    def keep_to(self, number: int, workers: int) -> None:
        """The generation that is coming turns out to need so many workers only."""
        if self._coming is not None and self._coming.number == number:
            self._coming = replace(self._coming, workers=workers)
            self._wanted = workers if self._serving is None else self._wanted

    def on_preloaded(self, pid: int, now: float) -> None:
        """A first worker has loaded the app and become the template: another one is to serve.

        Raises:
            EnvironmentProblem: The machine refuses a process, and nothing serves yet.
        """
        worker = self._workers.pop(pid)
        coming = self._coming
        if self._is_ending or coming is None or coming.number != worker.generation:
            return  # it was asked to end meanwhile
        try:
            self._spawn_first(now)
        except EnvironmentProblem as error:
            if self._serving is None:
                raise
            console.fail(error)
            self._coming = None
            self._end_reload(coming, "no worker could be started for it")

    def on_ready(self, pid: int, now: float) -> None:
        """A worker began to serve."""
        worker = self._workers[pid]
        if worker.state is not State.BOOTING:
            return  # it was asked to end meanwhile
        worker.become(State.READY)
        worker.ready_at = now
        self.has_served = True
        if self._coming is not None and worker.generation == self._coming.number:
            if self._serving is not None:
                self._previous = replace(self._serving, workers=self._wanted)
            self._serving, self._coming = self._coming, None
            self._wanted = self._serving.workers
            self._respawn_at = None
            self._respawning.reset()
            if self._previous is None:
                self._hands.reload_ended(self._serving.number, error=None)
        if pid == self._successor and self._leaving in self._workers:
            self._end_workers([self._workers[self._leaving]], State.DRAINING, now)
        self._fill(now)
        self._retire_old(now)

    def on_death(self, pid: int, death: Death, now: float) -> None:
        """A worker was reaped."""
        worker = self._workers.pop(pid)
        if pid == self._leaving or (pid == self._successor and worker.ready_at is None):
            self._leaving = self._successor = None
        if self._is_ending or not worker.is_wanted:
            self._note_ending(worker, death)
        elif self._coming is not None and worker.generation == self._coming.number:
            self._give_up_coming(worker, death)
        elif self._serving is None or worker.generation != self._serving.number:
            console.warn(f"{worker.name} of the old generation {death.text}")
        elif self._previous is not None and worker.ready_at is None:
            self._end_reload(self._serving, f"the new {worker.name} {death.text} before it served")
            self._fall_back(now)
        else:
            self._replace(worker, death, now)

    def on_time(self, now: float) -> None:
        """Does what is due."""
        if self._respawn_at is not None and now >= self._respawn_at:
            self._respawn_at = None
            self._fill(now)
        for worker in list(self._workers.values()):
            if worker.deadline is None or now < worker.deadline:
                continue
            if worker.state is State.BOOTING:
                console.warn(f"{worker.name} was killed: it still loaded the app, and said nothing")
                self._hands.kill(worker.pid)
                worker.deadline = None  # what its death means depends on its generation
            elif worker.state is State.KILLED:
                self._hands.kill(worker.pid)  # it was to die of its dump
                worker.deadline = None
            else:
                console.warn(f"{worker.name} was killed: it did not end")
                self._hands.kill(worker.pid)
                worker.become(State.KILLED)

    def next_deadline(self) -> float | None:
        """When `on_time` has something to do; `None`: nothing is due."""
        deadlines = [worker.deadline for worker in self._workers.values()]
        return min((at for at in (*deadlines, self._respawn_at) if at is not None), default=None)

    def reload(self, generation: Generation, now: float) -> None:
        """Tries the code anew beside what serves; a try that is under way is given up for it."""
        if self._is_ending:
            return
        if self._coming is not None:
            self._end_workers(self._of(self._coming), State.STOPPING, now)
        if self._previous is not None:
            self._fall_back(now)
        self._coming = generation
        try:
            self._spawn_first(now)
        except EnvironmentProblem as error:
            console.fail(error)
            self._coming = None
            self._end_reload(generation, "no worker could be started for it")

    def resize(self, by: int, now: float) -> None:
        """Changes how many workers are wanted; one always remains."""
        if self._is_ending or self._serving is None:
            return
        wanted = max(1, self._wanted + by)
        if wanted == self._wanted:
            console.note("there is one worker, and one there has to be")
            return
        self._wanted = wanted
        console.say(f"{wanted} worker{'' if wanted == 1 else 's'} from now on")
        self._fill(now)
        staying = (worker for worker in self._of(self._serving) if worker.pid != self._leaving)
        surplus = sorted(staying, key=lambda worker: worker.index)[wanted:]
        self._end_workers(surplus, State.DRAINING, now)
        self._retire_old(now)

    def recycle(self, pid: int, setting: str, why: str, now: float) -> bool:
        """Starts a worker in the place of one that serves, which goes when the new one serves.

        One at a time, and none while there are two generations: `False` asks to try it later.

        Args:
            pid: The one that is to go.
            setting: For whose sake.
            why: What follows its name in a sentence.
            now: The time.
        """
        worker = self._workers.get(pid)
        is_busy = self._coming or self._previous or self._respawn_at or self._leaving is not None
        if self._is_ending or is_busy or self._serving is None:
            return False
        is_serving = worker is not None and worker.generation == self._serving.number
        if worker is None or not is_serving or worker.state is not State.READY:
            return False
        try:
            self._successor = self._spawn(self._serving, worker.index, now, is_first=False)
        except EnvironmentProblem as error:
            console.fail(error)
            self._respawn_at = now + self._respawning.seconds_after(None)
            return False
        self._leaving = pid
        self._say_replaced(worker, setting, why)
        return True

    def retire(self, pid: int, setting: str, why: str, now: float) -> bool:
        """Has a worker that serves take nothing new, from now on if others serve beside it.

        The only one goes on until its successor serves, which may fail to: see `recycle`.

        Args:
            pid: The one that is to go.
            setting: For whose sake.
            why: What follows its name in a sentence.
            now: The time.
        """
        serving, worker = self._serving, self._workers.get(pid)
        if self._is_ending or serving is None or worker is None:
            return False
        others = (each for each in self._of(serving) if each is not worker)
        is_alone = not any(each.state is State.READY for each in others)
        if is_alone or self._respawn_at is not None or pid == self._leaving:
            return self.recycle(pid, setting, why, now)
        if worker.generation != serving.number or worker.state is not State.READY:
            return False
        self._say_replaced(worker, setting, why)
        self._end_workers([worker], State.DRAINING, now)
        self._fill(now)
        return True

    def give_up(self, pid: int, why: str, now: float) -> None:
        """Has a worker that hangs dumped and killed; another one takes its place at once.

        Args:
            pid: The worker, which has served.
            why: What follows its name in a sentence.
            now: The time.
        """
        worker = self._workers.get(pid)
        if worker is None or worker.ready_at is None or not worker.can_become(State.KILLED):
            return
        self.restarts["hang"] += 1
        console.warn(f"{worker.name} {why}; it is dumped and killed")
        worker.become(State.KILLED, now + _DUMP_SECONDS)
        self._hands.dump(pid)
        self._fill(now)

    def name_of(self, pid: int) -> str:
        """A worker's name, as the log has it."""
        return self._workers[pid].name

    def drain(self, now: float) -> None:
        """Ends the server when what runs has finished."""
        self._end(State.DRAINING, now)

    def stop(self, now: float) -> None:
        """Ends the server at once."""
        self._end(State.STOPPING, now)

    def _end(self, state: State, now: float) -> None:
        self._is_ending = True
        self._respawn_at = None
        self._end_workers(self._workers.values(), state, now)

    def _end_workers(self, workers: Iterable[WorkerHandle], state: State, now: float) -> None:
        for worker in list(workers):
            if not worker.can_become(state):
                continue
            if state is State.DRAINING:
                worker.become(state, now + worker.graceful_seconds + _ENDING_SECONDS)
                self._hands.drain(worker.pid)
            else:
                worker.become(state, now + _ENDING_SECONDS)
                self._hands.stop(worker.pid)

    def _spawn_first(self, now: float) -> None:
        assert self._coming is not None
        self._spawn(self._coming, 0, now, is_first=True)

    def _spawn(self, generation: Generation, index: int, now: float, *, is_first: bool) -> int:
        pid = self._hands.spawn(generation.number, index, is_first=is_first)
        deadline = now + generation.boot_seconds + _BOOT_GRACE_SECONDS
        self._workers[pid] = WorkerHandle(
            pid,
            index,
            generation.number,
            generation.graceful_seconds,
            started_at=now,
            deadline=deadline,
        )
        return pid

    def _fill(self, now: float) -> None:
        """Starts the workers that are missing, unless one has to wait with that."""
        serving = self._serving
        if serving is None or self._is_ending or self._respawn_at is not None:
            return
        present = [worker for worker in self._of(serving) if worker.pid != self._leaving]
        missing = self._wanted - len(present)
        if self._respawning.is_cautious:
            is_trying = any(worker.state is State.BOOTING for worker in present)
            missing = 0 if is_trying else min(missing, 1)
        free = (index for index in range(self._wanted) if index not in {w.index for w in present})
        for index in list(free)[: max(0, missing)]:
            try:
                self._spawn(serving, index, now, is_first=False)
            except EnvironmentProblem as error:
                console.fail(error)
                self._respawn_at = now + self._respawning.seconds_after(None)
                return

    def _retire_old(self, now: float) -> None:
        """Lets the old generations go when the new one is whole."""
        serving = self._serving
        if serving is None:
            return
        ready = [worker for worker in self._of(serving) if worker.state is State.READY]
        if len(ready) >= self._wanted:
            old = (w for w in self._workers.values() if w.generation < serving.number)
            self._end_workers(old, State.DRAINING, now)
            if self._previous is not None:
                self._previous = None
                self._hands.reload_ended(serving.number, error=None)
                console.say(f"reloaded: generation {serving.number} serves")
                self._hands.took_over(serving.number)

    def _say_replaced(self, worker: WorkerHandle, setting: str, why: str) -> None:
        self.restarts[setting] += 1
        console.say(f"{worker.name} {why} (`{setting}`); another one takes its place")

    def _replace(self, worker: WorkerHandle, death: Death, now: float) -> None:
        served = None if worker.ready_at is None else now - worker.ready_at
        self.restarts["boot" if served is None else death.kind] += 1
        wait = self._respawning.seconds_after(served)
        when = "" if served is not None else " before it served"
        then = "another one takes its place"
        if wait:
            then = f"the next try is in {wait:.1f} s"
        console.warn(f"{worker.name} {death.text}{when}; {then}")
        if wait:
            self._respawn_at = now + wait
        self._fill(now)

    def _give_up_coming(self, worker: WorkerHandle, death: Death) -> None:
        """The first worker of a generation never served; it has said why, if it could."""
        if self._serving is not None and self._coming is not None:
            given_up, self._coming = self._coming, None
            self._end_reload(given_up, f"the new {worker.name} {death.text} before it served")
            return
        self._is_ending = True
        self.exit_code = AppError.exit_code if death.exit_code is None else death.exit_code
        if death.exit_code is None:
            console.fail(AppError(f"{worker.name} {death.text} while it loaded the app"))

    def _fall_back(self, now: float) -> None:
        """Lets the one from before go on, and the new workers finish what they have begun."""
        assert self._serving is not None
        given_up, self._serving, self._previous = self._serving, self._previous, None
        assert self._serving is not None
        self._wanted = self._serving.workers
        self._respawn_at = None
        self._end_workers(self._of(given_up), State.DRAINING, now)
        self._fill(now)

    def _end_reload(self, generation: Generation, cause: str) -> None:
        """Tells that a generation is given up, beside one that serves."""
        error = AppError(
            "the reload failed, and nothing has changed: the code from before goes on serving",
            cause=cause,
            hints=("mend it, and reload again",),
        )
        console.fail(error)
        self._hands.reload_ended(generation.number, error=error)

    def _note_ending(self, worker: WorkerHandle, death: Death) -> None:
        """One that was asked to end has ended."""
        if worker.state is State.STOPPING:
            return
        if worker.state is State.KILLED:
            console.warn(f"{worker.name} {death.text}")
        elif death.exit_code is None:
            console.warn(f"{worker.name} {death.text} while it ended")
        elif self._is_ending:
            # What comes behind a script's `app.run()` may fail; the script's exit code tells it.
            self.exit_code = self.exit_code or death.exit_code

    def _of(self, generation: Generation) -> Iterator[WorkerHandle]:
        """The workers of a generation that are to serve."""
        return (
            worker
            for worker in self._workers.values()
            if worker.generation == generation.number and worker.is_wanted
        )
