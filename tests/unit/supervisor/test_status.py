"""What the supervisor says of itself, and of its reloads."""

import json

import pytest

from uncork.errors import AppError, UsageError
from uncork.supervisor.deaths import Death
from uncork.supervisor.fleet import Fleet, Generation
from uncork.supervisor.reload_history import ReloadHistory
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.status import ServerStatus
from uncork.supervisor.status_report import Described, Start, server_status


class Hands:
    """Starts nothing; process ids count from 1."""

    def __init__(self):
        self.spawned = 0

    def spawn(self, generation, index, *, is_first):
        self.spawned += 1
        return self.spawned

    def __getattr__(self, name):
        return lambda *arguments, **named: None


def generation(number, workers=2):
    return Generation(number, workers, 60.0, 30.0)


@pytest.fixture
def fleet():
    fleet = Fleet(generation(1), Hands(), Respawning(chance=lambda: 0.5))
    fleet.start(10.0)
    return fleet


def status(fleet, now=20.0, history=None):
    described = Described(
        "hello.py", None, ["http://127.0.0.1:8000"], "`--workers`", None, {1: (9, 5)}
    )
    return server_status(fleet, history or ReloadHistory(), Start(5.0, 1e9, "/srv"), described, now)


def serving(fleet):
    fleet.on_ready(1, 11.0)
    fleet.on_ready(2, 12.0)
    return fleet


def test_a_server_that_loads_its_app_is_starting(fleet):
    told = status(fleet)
    assert (told.state, told.generation, told.app, told.uptime_seconds) == (
        "starting",
        None,
        "hello.py",
        15.0,
    )
    (worker,) = told.workers
    assert (worker.state, worker.age_seconds, worker.ready_seconds) == ("booting", 10.0, None)


def test_a_server_that_serves_says_since_when_each_worker_does(fleet):
    told = status(serving(fleet))
    assert (told.state, told.generation, told.workers_wanted) == ("serving", 1, 2)
    assert [worker.ready_seconds for worker in told.workers] == [9.0, 8.0]


def test_both_generations_are_told_while_one_takes_over(fleet):
    serving(fleet).reload(generation(2), 13.0)
    assert [(each.number, each.state, each.template) for each in status(fleet).generations] == [
        (1, "serving", 9),
        (2, "coming", None),
    ]
    fleet.on_ready(3, 14.0)
    assert status(fleet).state == "reloading"
    fleet.on_ready(4, 15.0)
    assert [(each.number, each.state, each.workers) for each in status(fleet).generations] == [
        (1, "old", 2),
        (2, "serving", 2),
    ]


def test_replaced_workers_are_counted_by_the_reason(fleet):
    serving(fleet).on_death(1, Death(None, "was killed by SIGKILL"), 15.0)
    fleet.on_death(2, Death(None, "was killed", is_out_of_memory=True), 15.0)
    fleet.on_death(3, Death(1, "ended with exit code 1"), 15.0)
    assert status(fleet).restarts == {"signal": 1, "out of memory": 1, "boot": 1}


def test_a_status_is_read_back_from_its_json(fleet):
    history = ReloadHistory()
    history.began(2)
    history.failed(2, AppError("could not import `hello`", details="Traceback"))
    told = status(serving(fleet), history=history)
    read = ServerStatus.from_facts(json.loads(json.dumps(told.facts())))
    assert read == told


def test_what_a_newer_server_tells_beyond_it_is_passed_over(fleet):
    told = status(serving(fleet))
    facts = json.loads(json.dumps(told.facts()))
    facts["moons"] = 1
    facts["workers"][0]["moons"] = 2
    assert ServerStatus.from_facts(facts) == told


def test_what_is_no_status_is_refused():
    with pytest.raises((TypeError, LookupError)):
        ServerStatus.from_facts({"workers": [], "generations": []})


def history_at(*times):
    return ReloadHistory(clock=iter(times).__next__)


def test_a_reload_that_was_done_has_its_time():
    history = history_at(100.0, 102.5)
    history.began(2)
    assert history.of(2).outcome == "running"
    history.done(2)
    assert (history.of(2).outcome, history.of(2).seconds, history.of(2).error) == (
        "done",
        2.5,
        None,
    )


def test_a_reload_that_failed_says_why():
    history = history_at(100.0, 101.0)
    history.began(2)
    history.failed(2, AppError("could not import `hello`"))
    assert history.last.outcome == "failed"
    assert history.last.error["what"] == "could not import `hello`"


def test_another_reload_takes_the_place_of_one_that_runs():
    history = ReloadHistory()
    history.began(2)
    history.began(3)
    assert history.of(2).error["cause"] == "another reload has taken its place"
    assert history.of(3).outcome == "running"


def test_settings_that_could_not_be_read_are_a_reload_that_failed():
    history = ReloadHistory()
    history.refused(UsageError("bad value"))
    assert (history.last.generation, history.last.outcome) == (None, "failed")
    assert history.last.error["exit_code"] == 2


def test_old_reloads_are_forgotten():
    history = ReloadHistory()
    for number in range(2, 102):
        history.began(number)
        history.done(number)
    assert history.of(2) is None
    assert history.of(101).outcome == "done"


def test_reloads_are_counted_by_their_outcome_also_those_that_are_forgotten(fleet):
    history = ReloadHistory()
    for number in range(2, 102):
        history.began(number)
        history.done(number)
    history.began(102)
    history.began(103)  # and takes its place
    history.refused(UsageError("bad value"))
    assert status(fleet, history=history).reloads == {"done": 100, "failed": 2}
