from collections.abc import Sequence
from dataclasses import replace

import pytest

from uncork.supervisor.admin.readiness import why_not_alive, why_not_ready
from uncork.supervisor.status import ServerState, ServerStatus, WorkerState, WorkerStatus


def worker(pid: int, state: WorkerState = "ready", generation: int = 1) -> WorkerStatus:
    return WorkerStatus(pid, 0, generation, state, 1.0)


def status(
    workers: Sequence[WorkerStatus] = (), state: ServerState = "serving", generation: int | None = 1
) -> ServerStatus:
    return ServerStatus(
        version="1",
        pid=1,
        app="hello:app",
        origin=None,
        folder="/",
        state=state,
        started_at=0.0,
        uptime_seconds=1.0,
        generation=generation,
        workers_wanted=1,
        workers_reason="",
        workers=workers,
    )


def test_one_ready_worker_is_enough():
    assert why_not_ready(status([worker(1), worker(2, "booting")]), {1: 0.1, 2: 99.0}) is None


def test_a_worker_of_the_old_generation_answers_until_the_new_one_is_whole():
    assert why_not_ready(status([worker(1), worker(2, "booting", 2)], generation=2), {}) is None


@pytest.mark.parametrize("state", ["booting", "draining", "stopping", "killed"])
def test_a_worker_in_any_other_state_is_none(state: WorkerState):
    assert why_not_ready(status([worker(1, state)]), {1: 0.0}) == "no worker is ready"


def test_a_server_that_ends_is_not_ready_though_its_workers_are():
    assert why_not_ready(status([worker(1)], "stopping"), {}) == "the server is draining"


def test_before_the_first_worker_serves_the_application_is_loaded():
    booting = replace(status([worker(1, "booting")], "starting"), generation=None)
    assert why_not_ready(booting, {}) == "the application is being loaded"


def test_workers_whose_loops_stand_still_do_not_answer():
    both = status([worker(1), worker(2)])
    assert why_not_ready(both, {1: 60.0, 2: 0.1}) is None
    assert why_not_ready(both, {1: 60.0, 2: 61.0}) == (
        "no worker's event loop has turned for 5 seconds"
    )


def test_nothing_is_known_before_the_first_answer():
    assert why_not_ready(None, {}) == "the supervisor has not answered yet"


def test_a_supervisor_may_take_seconds_to_answer():
    assert why_not_alive(0.0) is None
    assert why_not_alive(4.9) is None
    assert why_not_alive(12.2) == "the supervisor has not answered for 12 seconds"
