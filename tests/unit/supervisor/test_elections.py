"""Who gets a name of `uncork.once`, told who asks and who dies; no process is started."""

import pytest

from uncork.supervisor.elections import Elections
from uncork.supervisor.worker_handle import State, WorkerHandle


class Server:
    """Workers that never were, and what each was told last."""

    def __init__(self, *generations):
        self.workers = {
            pid: WorkerHandle(pid, pid - 1, generation, 30.0, started_at=0.0)
            for pid, generation in enumerate(generations, 1)
        }
        self.elected = []
        self.answers = {}
        self.elections = Elections(self.workers.values, self._send)

    def _send(self, pid, message):
        self.answers[pid] = message.facts
        if message.facts["is_elected"]:
            self.elected.append(pid)

    def ask(self, pid, *, waits=True, name="a"):
        self.elections.on_asked(pid, {"name": name, "waits": waits, "question": 7})

    def die(self, pid):
        del self.workers[pid]
        self.elections.on_death(pid)


def test_the_first_who_asks_is_elected_and_nobody_else():
    server = Server(1, 1)
    server.ask(1)
    server.ask(2)
    assert server.elected == [1]
    assert server.answers[2] == {
        "name": "a",
        "is_elected": False,
        "is_older": False,
        "question": 7,
    }


def test_names_are_apart():
    server = Server(1, 1)
    server.ask(1, name="a")
    server.ask(2, name="b")
    assert server.elected == [1, 2]


def test_when_the_elected_one_has_died_the_one_that_waits_is_elected():
    server = Server(1, 1, 1)
    for pid in (1, 2, 3):
        server.ask(pid, waits=pid != 2)
    server.die(1)
    assert server.elected == [1, 3]


def test_the_newest_code_comes_first_and_in_it_who_has_waited_longest():
    server = Server(1, 1, 2, 2)
    for pid in (1, 2, 4, 3):
        server.ask(pid)
    server.die(1)
    assert server.elected == [1, 4]


def test_one_that_is_about_to_end_is_not_elected():
    server = Server(1, 1)
    server.ask(1)
    server.ask(2)
    server.workers[2].become(State.DRAINING)
    server.die(1)
    server.ask(2, waits=False)
    assert server.elected == [1]


def test_one_that_is_about_to_end_keeps_what_it_has():
    server = Server(1, 2)
    server.ask(1)
    server.workers[1].become(State.DRAINING)
    server.ask(2)
    assert (server.elected, server.answers[2]["is_older"]) == ([1], True)
    server.die(1)
    assert server.elected == [1, 2]


def test_one_that_died_while_it_waited_is_forgotten():
    server = Server(1, 1)
    server.ask(1)
    server.ask(2)
    server.die(2)
    server.die(1)
    assert server.elected == [1]


def test_a_holder_that_is_no_worker_any_more_has_nothing():
    server = Server(1, 1)
    server.ask(1)
    del server.workers[1]
    server.ask(2)
    assert server.elected == [1, 2]


def test_the_supervisor_after_a_restart_goes_on_where_this_one_was():
    before, after = Server(1, 1, 1), Server(1, 1, 1)
    for pid in (1, 2, 3):
        before.ask(pid, waits=pid != 3)
    after.elections.take_over(before.elections.hand_over())
    after.ask(3, waits=False)
    assert after.elected == []
    after.die(1)
    assert after.elected == [2]


@pytest.mark.parametrize("facts", [{}, {"name": "a"}, {"waits": True}])
def test_what_is_no_question_is_refused(facts):
    with pytest.raises(LookupError):
        Server(1).elections.on_asked(1, facts)
