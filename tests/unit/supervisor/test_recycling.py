"""When a worker is to be replaced, by figures that are made up."""

from dataclasses import replace

import pytest

from uncork.settings import Settings
from uncork.supervisor.recycling import Recycling
from uncork.supervisor.worker_handle import State, WorkerHandle

MIB = 2**20


class FakeFleet:
    """Workers 1 … n, which serve since the time 0; what is asked for is kept."""

    def __init__(self, number):
        self.workers = [
            WorkerHandle(pid, pid - 1, 1, 30.0, 0.0, State.READY, ready_at=0.0)
            for pid in range(1, number + 1)
        ]
        self.recycled = []

    def recycle(self, pid, setting, why, now):
        self.recycled.append((pid, setting, why))
        return True


def watching(fleet, chance=0.0, *, requests=None, rss=None, **settings):
    return Recycling(
        fleet,
        lambda generation: replace(Settings(), **settings),
        lambda pid: (requests or {}).get(pid, 0),
        rss_of=(rss or {}).get,
        chance=lambda: chance,
    )


def look(recycling, *times):
    for now in times:
        recycling.on_time(now)


def test_without_limits_it_never_wakes_the_supervisor():
    recycling = watching(FakeFleet(2), requests={1: 10**9})
    look(recycling, 0.0, 100.0)
    assert recycling.next_deadline() is None


def test_with_a_limit_it_looks_once_a_second():
    recycling = watching(FakeFleet(1), max_rss=MIB)
    look(recycling, 10.0)
    assert recycling.next_deadline() == 11.0
    look(recycling, 11.0)
    assert recycling.next_deadline() == 12.0


@pytest.mark.parametrize(("requests", "is_recycled"), [(999, False), (1000, True), (1500, True)])
def test_a_worker_is_recycled_when_it_has_answered_enough(requests, is_recycled):
    fleet = FakeFleet(1)
    look(watching(fleet, requests={1: requests}, max_requests=1000), 0.0, 1.0)
    assert fleet.recycled == (
        [(1, "max_requests", f"has answered {requests:,} requests")] if is_recycled else []
    )


def test_chance_adds_requests_up_to_the_jitter():
    fleet = FakeFleet(1)
    settings = {"max_requests": 1000, "max_requests_jitter": 100}
    look(watching(fleet, 0.5, requests={1: 1049}, **settings), 0.0, 1.0)
    assert fleet.recycled == []
    look(watching(fleet, 0.5, requests={1: 1050}, **settings), 0.0, 1.0)
    assert len(fleet.recycled) == 1


def test_a_worker_is_recycled_when_it_has_more_memory_than_it_may():
    fleet = FakeFleet(3)
    rss = {1: 100 * MIB, 2: 100 * MIB + 1, 3: None}
    look(watching(fleet, rss=rss, max_rss=100 * MIB), 0.0, 1.0)
    assert fleet.recycled == [(2, "max_rss", "has 101MiB of memory")]


def test_a_worker_is_recycled_when_it_has_served_for_long_enough_and_up_to_a_tenth_more():
    fleet = FakeFleet(1)
    recycling = watching(fleet, 0.5, max_worker_age=3600.0)
    look(recycling, 0.0, 3779.0)
    assert fleet.recycled == []
    look(recycling, 3780.0)
    assert fleet.recycled == [(1, "max_worker_age", "has served for 1h3m")]


def test_a_worker_that_does_not_serve_is_left_alone():
    fleet = FakeFleet(1)
    fleet.workers[0].state = State.DRAINING
    look(watching(fleet, rss={1: 2 * MIB}, max_rss=MIB), 0.0, 1.0)
    assert fleet.recycled == []
