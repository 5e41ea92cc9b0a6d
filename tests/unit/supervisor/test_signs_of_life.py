"""Which workers are held for hanging."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from uncork.supervisor.scoreboard import Counters, Histogram, Phase, WorkerFigures
from uncork.supervisor.signs_of_life import SignsOfLife

LIMIT = 30.0
_NONE = Histogram((), (), 0.0)


def figures(pid: int = 7, **facts: Any) -> WorkerFigures:
    given: dict[str, Any] = {
        "row": 0,
        "pid": pid,
        "generation": 1,
        "index": 0,
        "phase": Phase.SERVING,
        "heartbeat": 1000.0,
        "connections": 0,
        "queue": 0,
        "threads": 1,
        "busy_threads": 1,
        "upgraded_threads": 0,
        "counters": Counters(0, 0, (0, 0, 0, 0, 0), 0, 0, _NONE, _NONE),
    }
    return WorkerFigures(**{**given, **facts})


@dataclass
class Scene:
    """A board and hands that only remember."""

    workers: list[WorkerFigures] = field(default_factory=list)
    limit: float | None = LIMIT
    retired: list[tuple[int, str, str]] = field(default_factory=list)
    given_up: list[tuple[int, str]] = field(default_factory=list)

    @property
    def rows(self) -> list[int]:
        return list(range(len(self.workers)))

    def worker(self, row: int) -> WorkerFigures:
        return self.workers[row]

    def retire(self, pid: int, setting: str, why: str, now: float) -> bool:
        del now
        self.retired.append((pid, setting, why))
        return True

    def give_up(self, pid: int, why: str, now: float) -> None:
        del now
        self.given_up.append((pid, why))

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> SignsOfLife:
        monkeypatch.setattr("time.monotonic", lambda: 1000.0)
        settings = SimpleNamespace(heartbeat_timeout=self.limit)
        return SignsOfLife(cast("Any", self), self, lambda _: cast("Any", settings))


def look_until(duty: SignsOfLife, end: float) -> None:
    """Looks each second, as the supervisor does."""
    now = 1000.0
    while now < end:
        now += 1.0
        duty.on_time(now)


def test_a_loop_that_does_not_turn_is_given_up_once(monkeypatch):
    scene = Scene([figures()])
    look_until(scene.watch(monkeypatch), 1040.0)
    assert scene.given_up == [(7, "has not turned its loop for 31.0 s (`heartbeat_timeout`)")]


def test_an_interpreter_that_does_not_come_is_given_up_although_the_loop_turns(monkeypatch):
    scene = Scene([figures(heartbeat=2000.0, interpreter_asked=1000.0)])
    look_until(scene.watch(monkeypatch), 1040.0)
    assert scene.given_up == [
        (7, "could not have its interpreter for 31.0 s (`heartbeat_timeout`)")
    ]


@pytest.mark.parametrize("phase", [Phase.LOADING, Phase.ENDED])
def test_what_does_not_serve_is_not_expected_to_turn(monkeypatch, phase):
    scene = Scene([figures(phase=phase)])
    look_until(scene.watch(monkeypatch), 1100.0)
    assert scene.given_up == []


def test_without_a_limit_nobody_is_given_up(monkeypatch):
    scene = Scene([figures()], limit=None)
    look_until(scene.watch(monkeypatch), 1100.0)
    assert scene.given_up == []


def test_who_was_stopped_itself_gives_the_workers_their_time_anew(monkeypatch):
    scene = Scene([figures()])
    duty = scene.watch(monkeypatch)
    duty.on_time(1100.0)
    duty.on_time(1101.0)
    assert scene.given_up == []


def test_a_worker_with_a_request_that_does_not_end_is_retired_while_it_serves(monkeypatch):
    beats = {"heartbeat": 2000.0}
    scene = Scene(
        [
            figures(7, stuck_threads=1, **beats),
            figures(8, stuck_threads=3, phase=Phase.DRAINING, **beats),
            figures(9, **beats),
        ]
    )
    look_until(scene.watch(monkeypatch), 1001.0)
    assert scene.retired == [(7, "request_timeout", "has 1 request that does not end")]
