"""The commands of `dev.processes`: started beside the app, watched, and ended with it.

Each is kept by a companion (`companion.py`), and this is what the supervisor knows of those. They
begin when something is served for the first time. A reload leaves them alone, except for those
whose own settings have changed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from uncork import console
from uncork.dev.companion import GRACE_SECONDS, Look, run_companion
from uncork.settings import DevProcess
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.error_facts import error_from_facts
from uncork.supervisor.forking import fork_process
from uncork.supervisor.respawning import Respawning

# How long a companion has beyond what it leaves its command.
_OWN_SECONDS = 2.0
_AT_ONCE_SECONDS = 0.5
# A restart that is about to come is asked for all the while. Longer than a turn of the loop.
_HELD_SECONDS = 1.0
# Cyan, magenta, green, yellow, blue: not red, in which errors stand.
_COLOURS = ("36", "35", "32", "33", "34")

Fork = Callable[[Callable[[Channel], int]], tuple[int, Channel]]


class _State(Enum):
    WAITING = "is started at its time"
    RUNNING = "runs"
    ENDING = "was asked to end"
    ENDED = "has ended, and is not started again by itself"


@dataclass
class _Companion:
    """One command, and the process that keeps it.

    Attributes:
        at: When it is started, or killed; `None`: neither.
        group: The process group of the command.
    """

    process: DevProcess
    at: float | None
    state: _State = _State.WAITING
    pid: int | None = None
    channel: Channel | None = None
    group: int | None = None
    started_at: float = 0.0
    respawning: Respawning = field(default_factory=Respawning)


class Processes(Duty):
    """All of a server's.

    Args:
        wanted: The commands in the settings as they are by now.
        environ: The environment that they find.
        fork: Starts a process.
    """

    def __init__(
        self,
        wanted: Callable[[], Sequence[DevProcess]],
        environ: Callable[[], Mapping[str, str]],
        fork: Fork = fork_process,
    ) -> None:
        self._wanted_now = wanted
        self._environ_now = environ
        self._fork = fork
        self._wanted: dict[str, DevProcess] = {}
        self._companions: dict[str, _Companion] = {}
        self._is_ending = False
        self._held_until: float | None = None

    @property
    def has_ended(self) -> bool:
        """Whether none is left."""
        return all(each.pid is None for each in self._companions.values())

    def on_generation(self, generation: int, now: float) -> None:
        """Starts those that are new, and anew those that are others by now."""
        del generation
        if self._is_ending:
            return
        self._wanted = {each.name: each for each in self._wanted_now()}
        for name, companion in list(self._companions.items()):
            if self._wanted.get(name) == companion.process:
                continue
            if companion.pid is not None:
                self._ask_to_end(companion, now)
            else:
                del self._companions[name]
        self._begin_missing(now)

    def start_ended(self, now: float) -> None:
        """Starts those again that have ended by themselves: somebody has asked for it."""
        for companion in self._companions.values():
            if companion.state in (_State.ENDED, _State.WAITING) and not self._is_ending:
                companion.respawning.reset()
                companion.state, companion.at = _State.WAITING, now

    def on_end(self, now: float, *, at_once: bool) -> None:
        """Has each end."""
        self._is_ending = True
        for name, companion in list(self._companions.items()):
            if companion.pid is None:
                del self._companions[name]
            else:
                self._ask_to_end(companion, now, at_once=at_once)

    def let_go(self) -> bool:
        """Has each end; if no restart comes of it, they start again after a moment."""
        now = time.monotonic()
        self._held_until = now + _HELD_SECONDS
        for name, companion in list(self._companions.items()):
            if companion.pid is None:
                del self._companions[name]
            else:
                self._ask_to_end(companion, now)
        return self.has_ended

    def next_deadline(self) -> float | None:
        """When one is to be started or killed."""
        due = [each.at for each in self._companions.values()]
        return min((at for at in (*due, self._held_until) if at is not None), default=None)

    def on_time(self, now: float) -> None:
        """Starts and kills those whose time has come.

        Raises:
            InProcess: This is a companion.
        """
        if self._held_until is not None and now >= self._held_until:
            self._held_until = None
            self._begin_missing(now)
        for companion in self._companions.values():
            if companion.at is None or now < companion.at:
                continue
            if companion.state is _State.WAITING:
                self._start(companion, now)
            else:
                self._kill(companion)

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Starts the command again, or its successor, or none."""
        companion = next((each for each in self._companions.values() if each.pid == pid), None)
        if companion is None:
            return False
        was_told = self._hear_last(companion)
        if death.exit_code is None and companion.group is not None:
            # Killed itself, it could not end what it kept. After a command that was killed, there
            # is nobody left.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(companion.group, signal.SIGKILL)
        companion.pid = companion.group = None
        if companion.state is _State.RUNNING:
            self._go_on(companion, death, now, was_told=was_told)
            return True
        del self._companions[companion.process.name]
        self._begin_missing(now)
        return True

    def close(self) -> None:
        """Lets go of them: the end of its channel has a companion end its command."""
        for companion in self._companions.values():
            if companion.channel is not None:
                companion.channel.close()

    def _begin_missing(self, now: float) -> None:
        if self._is_ending or self._held_until is not None:
            return
        for name, process in self._wanted.items():
            if name not in self._companions:
                self._companions[name] = _Companion(process, at=now)

    def _start(self, companion: _Companion, now: float) -> None:
        process, look = companion.process, self._look_of(companion.process.name)
        environ = {"PYTHONUNBUFFERED": "1", **self._environ_now()}

        def run(channel: Channel) -> int:
            return run_companion(process, environ, look, channel)

        try:
            companion.pid, companion.channel = self._fork(run)
        except OSError as error:
            wait = companion.respawning.seconds_after(None)
            why = (error.strerror or str(error)).lower()
            console.warn(f"`{process.name}` could not be started: {why}; again in {wait:.1f} s")
            companion.at = now + wait
            return
        companion.state, companion.at, companion.started_at = _State.RUNNING, None, now

    def _hear_last(self, companion: _Companion) -> bool:
        """Whether it has said why its command could not be started, which is told here."""
        channel, companion.channel = companion.channel, None
        if channel is None:
            return False
        was_told = False
        for message in channel.receive() or ():
            if message.kind is Kind.FAILED:
                console.fail(error_from_facts(message.facts))
                was_told = True
            elif message.kind is Kind.TOLD:
                companion.group = message.facts["group"]
        channel.close()
        return was_told

    def _go_on(self, companion: _Companion, death: Death, now: float, *, was_told: bool) -> None:
        """A command has ended by itself."""
        process = companion.process
        is_failure = death.exit_code != 0
        if process.restart == "always" or (process.restart == "on-failure" and is_failure):
            served = None if was_told else now - companion.started_at
            wait = companion.respawning.seconds_after(served)
            then = f"the next try is in {wait:.1f} s" if wait else "it is started again"
            companion.state, companion.at = _State.WAITING, now + wait
        else:
            then = "it is started again when its settings change"
            companion.state, companion.at = _State.ENDED, None
        if was_told:
            console.note(f"`{process.name}`: {then}")
        elif is_failure:
            console.warn(f"`{process.name}` (`{process.text}`) {death.text}; {then}")
        else:
            console.say(f"`{process.name}` (`{process.text}`) {death.text}; {then}")

    def _ask_to_end(self, companion: _Companion, now: float, *, at_once: bool = False) -> None:
        if companion.channel is None or (companion.state is _State.ENDING and not at_once):
            return
        companion.channel.send(Message(Kind.END, {"at_once": at_once}))
        seconds = _AT_ONCE_SECONDS if at_once else GRACE_SECONDS + _OWN_SECONDS
        companion.state, companion.at = _State.ENDING, now + seconds

    def _kill(self, companion: _Companion) -> None:
        companion.at = None
        if companion.pid is not None:
            os.kill(companion.pid, signal.SIGKILL)

    def _look_of(self, name: str) -> Look:
        width = max(map(len, self._wanted))
        is_terminal = sys.stderr.isatty()
        has_colour = console.has_colour(is_terminal=is_terminal)
        prefix = f"{name:<{width}} |"
        if has_colour:
            number = list(self._wanted).index(name) % len(_COLOURS)
            prefix = f"\x1b[{_COLOURS[number]}m{prefix}\x1b[0m"
        return Look(f"{prefix} ", width + 3, has_colour, is_terminal)
