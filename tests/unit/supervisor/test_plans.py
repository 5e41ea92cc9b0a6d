"""Which generations are planned, and under which numbers."""

from pathlib import Path

import pytest

from uncork.app_locator import AppSpec
from uncork.settings import resolve
from uncork.supervisor.plans import Plans
from uncork.supervisor.worker_count import WorkerCount
from uncork.supervisor.worker_process import Plan


def plan(directory: Path, workers: str) -> Plan:
    resolved = resolve(flags={}, environ={"WEB_CONCURRENCY": workers}, directory=directory)
    return Plan(resolved, AppSpec("app:app", "the argument"), (), environ=None, verbose=False)


@pytest.fixture
def plans(tmp_path):
    return Plans(plan(tmp_path, "2"))


def test_the_first_plan_serves_until_another_one_does(plans, tmp_path):
    assert plans.add(plan(tmp_path, "3")) == 2
    assert (plans.serving, plans.settings.workers, plans.newest_settings.workers) == (1, 2, 3)
    plans.take_effect(2)
    assert (plans.serving, plans.settings.workers, list(plans.numbers)) == (2, 3, [2])


def test_a_new_try_takes_the_place_of_another_under_a_number_of_its_own(plans, tmp_path):
    plans.add(plan(tmp_path, "3"))
    assert plans.add(plan(tmp_path, "4")) == 3
    assert list(plans.numbers) == [1, 3]


def test_what_is_given_up_leaves_what_serves(plans, tmp_path):
    plans.give_up(plans.add(plan(tmp_path, "3")))
    assert (list(plans.numbers), plans.newest_settings.workers) == ([1], 2)
    assert plans.add(plan(tmp_path, "4")) == 3


def test_a_settled_count_is_what_the_fleet_is_told(plans):
    assert plans.generation(1).workers == 2
    plans.set_count(1, WorkerCount(1, "it can't have two"))
    assert plans.generation(1).workers == 1


def test_the_numbers_of_an_earlier_program_go_on(plans, tmp_path):
    plans.go_on_as(4, last=6)
    assert (plans.serving, plans.count_of(4).number) == (4, 2)
    assert plans.add(plan(tmp_path, "3")) == 7


def test_what_was_scaled_is_kept_over_a_restart_and_over_no_reload_behind_it(plans, tmp_path):
    plans.go_on_as(4, last=6, workers=3)
    assert plans.generation(4).workers == 3
    restarted = plans.add(plan(tmp_path, "2"))
    assert plans.generation(restarted).workers == 3
    plans.take_effect(restarted)
    assert plans.generation(plans.add(plan(tmp_path, "2"))).workers == 2
