"""What outlives a supervisor that becomes another program: its listeners and its workers.

All of it is descriptors and numbers. The process stays the same one, so the workers remain its
children, and a file's inode and the monotonic clock keep their meaning.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from uncork.errors import EnvironmentProblem
from uncork.supervisor.worker_handle import State, WorkerHandle

# Raised when an older or a newer program would read this wrongly.
_VERSION = 1


@dataclass(frozen=True)
class HandedListener:
    """One open listener.

    Attributes:
        bind: What was asked for, as `--bind` takes it.
        file: Path, device and inode of its socket file; `None` without one.
    """

    descriptor: int
    bind: str
    file: tuple[str, int, int] | None


@dataclass(frozen=True)
class HandedChannel:
    """The supervisor's end of a channel; `unread` is a message of which a part has come."""

    descriptor: int
    unread: str = ""


@dataclass(frozen=True)
class HandedScoreboard:
    """The memory of a scoreboard; only a program with the same `layout` can go on with it."""

    descriptor: int
    layout: str


@dataclass(frozen=True)
class Handover:
    """What the next program goes on with.

    Attributes:
        listeners: Of each set of listeners, by its name.
        workers: The handle of each, and its channel unless that has ended.
        generation: The number of the one that serves.
        last_generation: The highest number that was given so far.
        loaded: What a worker has told of the app.
        at_start: Settings that hold for as long as the listeners are open, as text.
        started: When the server was started, by the monotonic clock and of day.
        restarts: How often a worker was replaced, by the reason.
        reloads: How many reloads have ended, by their outcome.
        scoreboard: `None` where its memory can't be handed over.
        elections: For each name of `uncork.once`, the worker that has it, and those that wait.
        scaled_to: How many workers somebody asked for; `None`: as the settings have it.
    """

    listeners: Mapping[str, Sequence[HandedListener]]
    workers: Sequence[tuple[WorkerHandle, HandedChannel | None]]
    generation: int
    last_generation: int
    loaded: Mapping[str, Any] | None
    at_start: Mapping[str, str]
    started: tuple[float, float]
    restarts: Mapping[str, int] = field(default_factory=dict)
    reloads: Mapping[str, int] = field(default_factory=dict)
    scoreboard: HandedScoreboard | None = None
    elections: Mapping[str, Sequence[int]] = field(default_factory=dict)
    scaled_to: int | None = None

    @property
    def descriptors(self) -> list[int]:
        """All that have to stay open."""
        channels = [channel.descriptor for _, channel in self.workers if channel is not None]
        listeners = [each for handed in self.listeners.values() for each in handed]
        boards = [] if self.scoreboard is None else [self.scoreboard.descriptor]
        return [*(listener.descriptor for listener in listeners), *channels, *boards]

    def as_text(self) -> str:
        """What `from_text` reads."""
        facts = dataclasses.asdict(self)
        for handle, _ in facts["workers"]:
            handle["state"] = handle["state"].name
        return json.dumps({"version": _VERSION, **facts}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Handover:
        """What was handed over.

        Raises:
            EnvironmentProblem: The program before was of another kind.
        """
        try:
            facts = json.loads(text)
            if facts.pop("version") != _VERSION:
                raise ValueError("another version")
            facts["listeners"] = {
                name: [_listener(each) for each in handed]
                for name, handed in facts["listeners"].items()
            }
            facts["workers"] = [_worker(*each) for each in facts["workers"]]
            facts["started"] = tuple(facts["started"])
            if facts["scoreboard"] is not None:
                facts["scoreboard"] = HandedScoreboard(**facts["scoreboard"])
            return cls(**facts)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EnvironmentProblem(
                "this uncork can't go on where the running one is",
                cause=f"the two hand over differently ({error})",
                hints=("stop the server and start it again",),
            ) from None


def _listener(facts: Mapping[str, Any]) -> HandedListener:
    file = facts["file"]
    path, device, inode = file if file else ("", 0, 0)
    known = (str(path), int(device), int(inode)) if file else None
    return HandedListener(int(facts["descriptor"]), str(facts["bind"]), known)


def _worker(
    handle: Mapping[str, Any], channel: Mapping[str, Any] | None
) -> tuple[WorkerHandle, HandedChannel | None]:
    names = {each.name for each in dataclasses.fields(WorkerHandle)}
    known = {name: value for name, value in handle.items() if name in names}
    known["state"] = State[handle["state"]]
    return WorkerHandle(**known), HandedChannel(**channel) if channel else None
