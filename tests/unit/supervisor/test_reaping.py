"""Who is told of a process that has ended; none is started."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from uncork.supervisor.channel import Channel
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.reaping import Reaping
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.worker_channels import WorkerChannels

PID = 4000
KILLED = 9  # by that signal, as `waitpid` has it


@dataclass
class FakeFleet:
    dead: list[int] = field(default_factory=list)
    serving: object = "a generation"
    is_ending: bool = False

    def name_of(self, pid: int) -> str:
        return f"worker {pid}"

    def on_death(self, pid: int, death: Death, now: float) -> None:
        self.dead.append(pid)


class FakeElections:
    def on_death(self, pid: int) -> None: ...


class Bystander(Duty):
    def __init__(self) -> None:
        self.dead: list[int] = []
        self.dead_workers: list[int] = []

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        self.dead.append(pid)
        return True

    def on_worker_death(self, pid: int) -> None:
        self.dead_workers.append(pid)


class Server:
    """One worker, with a row and a channel."""

    def __init__(self) -> None:
        self.channels, self.board = WorkerChannels(), Scoreboard.create(2)
        self.fleet: Any = FakeFleet()
        elections: Any = FakeElections()
        self.duty = Bystander()
        self.reaping = Reaping(self.channels, self.board, self.fleet, elections, [self.duty])
        own, self.workers = Channel.pair()
        self.channels.add(PID, own)
        row = self.board.claim(1, 0)
        assert row is not None
        self.board.occupy(row, PID)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.channels.close_all()
    server.workers.close()


def test_a_worker_is_heard_once_more_and_its_row_is_free(server):
    heard: list[int] = []
    server.reaping.reap([(PID, KILLED)], heard.append)
    assert (heard, server.fleet.dead, server.duty.dead_workers) == ([PID], [PID], [PID])
    assert server.board.rows == []
    assert PID not in server.channels


def test_any_other_process_is_a_duty_s(server):
    server.reaping.reap([(PID + 1, 0)], pytest.fail)
    assert (server.fleet.dead, server.duty.dead) == ([], [PID + 1])


def test_a_worker_whose_last_word_is_that_it_is_the_template_is_a_duty_s(server):
    def listen_to(pid: int) -> None:
        server.channels.remove(pid).close()
        server.reaping.forget(pid)

    server.reaping.reap([(PID, KILLED)], listen_to)
    assert (server.fleet.dead, server.duty.dead) == ([], [PID])
