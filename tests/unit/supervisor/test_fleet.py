"""What the fleet decides, told what happens; no process is started."""

from dataclasses import dataclass, field

import pytest

from uncork.errors import EnvironmentProblem, UncorkError
from uncork.supervisor.deaths import Death
from uncork.supervisor.fleet import Fleet, Generation
from uncork.supervisor.respawning import Respawning

BOOT_SECONDS, GRACEFUL_SECONDS = 60.0, 30.0
KILLED = Death(None, "was killed by SIGKILL")


def code(number: int) -> Death:
    return Death(number, f"ended with exit code {number}")


def generation(number: int, workers: int = 2) -> Generation:
    return Generation(number, workers, BOOT_SECONDS, GRACEFUL_SECONDS)


@dataclass
class FakeHands:
    """Starts nothing; process ids count from 1."""

    spawned: list[tuple[int, int, bool]] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)
    dumped: list[int] = field(default_factory=list)
    reloads: list[tuple[int, bool]] = field(default_factory=list)
    taken_over: list[int] = field(default_factory=list)
    is_refused: bool = False

    def spawn(self, generation: int, index: int, *, is_first: bool) -> int:
        if self.is_refused:
            raise EnvironmentProblem("a worker could not be started")
        self.spawned.append((generation, index, is_first))
        return len(self.spawned)

    def drain(self, pid: int) -> None:
        self.drained.append(pid)

    def stop(self, pid: int) -> None:
        self.stopped.append(pid)

    def kill(self, pid: int) -> None:
        self.killed.append(pid)

    def dump(self, pid: int) -> None:
        self.dumped.append(pid)

    def reload_ended(self, generation: int, *, error: UncorkError | None) -> None:
        self.reloads.append((generation, error is None))

    def took_over(self, generation: int) -> None:
        self.taken_over.append(generation)


@pytest.fixture
def hands() -> FakeHands:
    return FakeHands()


def starting(hands: FakeHands, workers: int = 2) -> Fleet:
    fleet = Fleet(generation(1, workers), hands, Respawning(chance=lambda: 0.5))
    fleet.start(0.0)
    return fleet


def serving(hands: FakeHands, workers: int = 2) -> Fleet:
    """A fleet whose workers 1 … n have served since the time 0."""
    fleet = starting(hands, workers)
    for pid in range(1, workers + 1):
        fleet.on_ready(pid, 0.0)
    return fleet


def test_the_first_worker_is_started_alone(hands):
    starting(hands, workers=4)
    assert hands.spawned == [(1, 0, True)]


def test_the_others_follow_when_the_first_one_serves(hands):
    fleet = starting(hands, workers=3)
    fleet.on_ready(1, 1.0)
    assert hands.spawned == [(1, 0, True), (1, 1, False), (1, 2, False)]


@pytest.mark.parametrize("exit_code", [0, 2, 3, 4])
def test_a_first_worker_that_ends_at_boot_ends_the_server_with_its_exit_code(hands, exit_code):
    fleet = starting(hands)
    fleet.on_death(1, code(exit_code), 1.0)
    assert (fleet.has_ended, fleet.exit_code, len(hands.spawned)) == (True, exit_code, 1)


def test_what_such_a_worker_has_told_is_not_repeated(hands, capsys):
    starting(hands).on_death(1, code(3), 1.0)
    assert capsys.readouterr().err == ""


def test_a_first_worker_that_is_killed_at_boot_is_told_with_exit_code_3(hands, capsys):
    fleet = starting(hands)
    fleet.on_death(1, KILLED, 1.0)
    assert (fleet.has_ended, fleet.exit_code) == (True, 3)
    assert "was killed by SIGKILL while it loaded the app" in capsys.readouterr().err


def test_a_worker_that_has_served_is_replaced_at_once_in_its_place(hands, capsys):
    fleet = serving(hands)
    fleet.on_death(1, KILLED, 10.0)
    assert hands.spawned[2:] == [(1, 0, False)]
    assert capsys.readouterr().err == (
        "warning: worker 1 (process 1) was killed by SIGKILL; another one takes its place\n"
    )


def test_one_that_dies_at_boot_is_tried_again_after_half_a_second(hands):
    fleet = starting(hands)
    fleet.on_ready(1, 0.0)
    fleet.on_death(2, code(3), 10.0)
    assert (len(hands.spawned), fleet.next_deadline()) == (2, 10.5)
    fleet.on_time(10.5)
    assert hands.spawned[2:] == [(1, 1, False)]


def test_each_further_death_at_boot_doubles_the_wait_up_to_30_seconds(hands):
    fleet = starting(hands)
    fleet.on_ready(1, 0.0)
    now, waits = 0.0, []
    for pid in range(2, 11):
        fleet.on_death(pid, code(3), now)
        waits.append(fleet.next_deadline() - now)
        now = fleet.next_deadline()
        fleet.on_time(now)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_reload_tries_one_worker_beside_those_that_serve(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    assert (hands.spawned[2:], hands.drained) == ([(2, 0, True)], [])


def test_the_old_generation_drains_when_the_new_one_is_whole(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_ready(3, 11.0)
    assert (hands.spawned[3:], hands.drained) == ([(2, 1, False)], [])
    fleet.on_ready(4, 12.0)
    assert (hands.drained, hands.reloads[1:]) == ([1, 2], [(2, True)])


def test_a_second_worker_that_never_serves_ends_the_reload_and_the_old_ones_go_on(hands, capsys):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_ready(3, 11.0)
    fleet.on_death(4, code(3), 12.0)
    assert (hands.drained, hands.reloads[1:]) == ([3], [(2, False)])
    assert "error: the reload failed" in capsys.readouterr().err
    fleet.on_death(3, code(0), 13.0)
    fleet.on_death(1, KILLED, 14.0)
    assert hands.spawned[4:] == [(1, 0, False)]


def test_old_workers_that_died_meanwhile_are_there_again_when_the_reload_is_given_up(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_ready(3, 11.0)
    fleet.on_death(1, KILLED, 12.0)
    assert len(hands.spawned) == 4
    fleet.on_death(4, code(3), 12.0)
    assert hands.spawned[4:] == [(1, 0, False)]


def test_a_new_worker_that_dies_when_it_has_served_is_replaced(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_ready(3, 11.0)
    fleet.on_death(3, KILLED, 12.5)
    assert (hands.spawned[4:], hands.drained) == ([(2, 0, False)], [])
    fleet.on_ready(4, 13.0)
    fleet.on_ready(5, 13.0)
    assert (hands.drained, hands.reloads[1:]) == ([1, 2], [(2, True)])


def test_a_reload_while_another_is_half_done_takes_its_place(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_ready(3, 11.0)
    fleet.reload(generation(3), 12.0)
    assert (hands.drained, hands.spawned[4:]) == ([3, 4], [(3, 0, True)])
    fleet.on_ready(5, 13.0)
    fleet.on_ready(6, 13.0)
    assert (hands.drained, hands.reloads[1:]) == ([3, 4, 1, 2], [(3, True)])


def test_a_generation_is_on_trial_while_another_would_go_on(hands):
    fleet = starting(hands)
    assert not fleet.is_on_trial(1)
    fleet.on_ready(1, 0.0)
    assert not fleet.is_on_trial(1)
    fleet.reload(generation(2), 10.0)
    assert (fleet.is_on_trial(1), fleet.is_on_trial(2)) == (False, True)
    fleet.on_ready(3, 11.0)
    assert fleet.is_on_trial(2)
    fleet.on_ready(4, 12.0)
    assert not fleet.is_on_trial(2)


def test_an_old_worker_that_has_drained_is_not_replaced(hands, capsys):
    fleet = serving(hands, workers=1)
    fleet.reload(generation(2, workers=1), 10.0)
    fleet.on_ready(2, 11.0)
    fleet.on_death(1, code(0), 12.0)
    assert len(hands.spawned) == 2
    assert capsys.readouterr().err == "reloaded: generation 2 serves\n"


@pytest.mark.parametrize("death", [code(3), KILLED])
def test_a_reload_that_fails_changes_nothing_and_is_told(hands, capsys, death):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_death(3, death, 11.0)
    assert (len(hands.spawned), hands.drained, hands.reloads[1:]) == (3, [], [(2, False)])
    assert "error: the reload failed" in capsys.readouterr().err
    fleet.on_death(1, KILLED, 12.0)
    assert hands.spawned[3:] == [(1, 0, False)]


def test_a_reload_during_a_reload_takes_its_place(hands, capsys):
    fleet = serving(hands, workers=1)
    fleet.reload(generation(2, workers=1), 10.0)
    fleet.reload(generation(3, workers=1), 11.0)
    assert (hands.stopped, hands.spawned[2:]) == ([2], [(3, 0, True)])
    fleet.on_death(2, KILLED, 11.1)
    fleet.on_ready(3, 12.0)
    assert hands.drained == [1]
    assert capsys.readouterr().err == "reloaded: generation 3 serves\n"


def test_a_worker_that_loads_for_too_long_and_says_nothing_is_killed(hands):
    fleet = serving(hands, workers=1)
    fleet.reload(generation(2, workers=1), 10.0)
    fleet.on_time(fleet.next_deadline())
    assert (fleet.next_deadline(), hands.killed) == (None, [2])
    fleet.on_death(2, KILLED, 80.0)
    assert hands.reloads[1:] == [(2, False)]


def recycle(fleet, pid, now=10.0):
    return fleet.recycle(pid, "max_rss", "has 2GiB of memory", now)


def test_a_worker_is_recycled_by_one_that_serves_before_it_goes(hands, capsys):
    fleet = serving(hands)
    assert recycle(fleet, 2)
    assert (hands.spawned[2:], hands.drained) == ([(1, 1, False)], [])
    fleet.on_ready(3, 11.0)
    assert hands.drained == [2]
    fleet.on_death(2, code(0), 12.0)
    assert (len(hands.spawned), fleet.restarts) == (3, {"max_rss": 1})
    assert capsys.readouterr().err == (
        "worker 2 (process 2) has 2GiB of memory (`max_rss`); another one takes its place\n"
    )


def test_the_next_worker_is_recycled_when_the_one_before_has_gone(hands):
    fleet = serving(hands)
    assert recycle(fleet, 1)
    assert not recycle(fleet, 2)
    fleet.on_ready(3, 11.0)
    assert not recycle(fleet, 2)
    fleet.on_death(1, code(0), 12.0)
    assert recycle(fleet, 2)


def test_a_successor_that_does_not_serve_leaves_the_worker_and_delays_the_next_try(hands):
    fleet = serving(hands)
    assert recycle(fleet, 1)
    fleet.on_death(3, code(3), 11.0)
    assert (hands.drained, len(hands.spawned)) == ([], 3)
    assert not recycle(fleet, 1, 11.1)
    fleet.on_time(11.5)
    assert recycle(fleet, 1, 11.5)
    fleet.on_ready(4, 12.0)
    assert hands.drained == [1]


def test_a_worker_that_dies_while_another_is_recycled_is_replaced(hands):
    fleet = serving(hands)
    assert recycle(fleet, 1)
    fleet.on_death(2, KILLED, 11.0)
    assert hands.spawned[2:] == [(1, 0, False), (1, 1, False)]


def test_a_worker_that_dies_before_its_successor_serves_is_replaced_once(hands):
    fleet = serving(hands)
    assert recycle(fleet, 1)
    fleet.on_death(1, KILLED, 11.0)
    fleet.on_ready(3, 12.0)
    assert (len(hands.spawned), hands.drained) == (3, [])


def test_no_worker_is_recycled_while_there_are_two_generations(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    assert not recycle(fleet, 1)
    fleet.on_ready(3, 11.0)
    assert not recycle(fleet, 1)
    assert not recycle(fleet, 3)
    fleet.on_ready(4, 12.0)
    assert recycle(fleet, 3)


def test_a_reload_while_a_worker_is_recycled_retires_all_of_the_old(hands):
    fleet = serving(hands, workers=1)
    assert recycle(fleet, 1)
    fleet.reload(generation(2, workers=1), 10.0)
    fleet.on_ready(3, 11.0)
    fleet.on_ready(2, 12.0)
    assert sorted(hands.drained) == [1, 2]
    fleet.on_death(1, code(0), 12.0)
    fleet.on_death(2, code(0), 12.0)
    assert recycle(fleet, 3)


def retire(fleet, pid, now=10.0):
    return fleet.retire(pid, "request_timeout", "has 1 request that does not end", now)


def test_a_worker_that_is_retired_takes_nothing_new_while_another_one_serves(hands, capsys):
    fleet = serving(hands)
    assert retire(fleet, 2)
    assert (hands.drained, hands.spawned[2:]) == ([2], [(1, 1, False)])
    assert not retire(fleet, 2, 10.5)
    assert fleet.restarts == {"request_timeout": 1}
    assert capsys.readouterr().err == (
        "worker 2 (process 2) has 1 request that does not end (`request_timeout`); "
        "another one takes its place\n"
    )


def test_the_last_worker_that_serves_is_retired_when_its_successor_does(hands):
    fleet = serving(hands)
    assert retire(fleet, 2)
    assert retire(fleet, 1, 10.5)
    assert (hands.drained, hands.spawned[3:]) == ([2], [(1, 0, False)])
    assert not retire(fleet, 1, 10.6)
    fleet.on_ready(4, 11.0)
    assert hands.drained == [2, 1]


def test_a_worker_that_leaves_already_is_not_retired_as_well(hands):
    fleet = serving(hands)
    assert recycle(fleet, 1)
    assert not retire(fleet, 1)
    assert (hands.drained, len(hands.spawned)) == ([], 3)


def test_no_worker_of_an_old_generation_is_retired(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_ready(3, 11.0)
    assert not retire(fleet, 1, 12.0)
    assert not retire(fleet, 3, 12.0)
    fleet.on_ready(4, 13.0)
    assert retire(fleet, 3, 14.0)
    assert hands.spawned[-1] == (2, 0, False)


def test_one_worker_more_and_one_fewer(hands):
    fleet = serving(hands)
    fleet.resize(1, 10.0)
    assert hands.spawned[2:] == [(1, 2, False)]
    fleet.on_ready(3, 11.0)
    fleet.resize(-1, 12.0)
    assert hands.drained == [3]


def test_the_last_worker_stays(hands):
    fleet = serving(hands, workers=1)
    fleet.resize(-1, 10.0)
    assert hands.drained == []


def test_the_server_has_ended_when_every_worker_has(hands):
    fleet = serving(hands)
    fleet.drain(10.0)
    assert (hands.drained, fleet.has_ended) == ([1, 2], False)
    fleet.on_death(1, code(0), 11.0)
    assert not fleet.has_ended
    fleet.on_death(2, code(0), 12.0)
    assert (fleet.has_ended, fleet.exit_code, len(hands.spawned)) == (True, 0, 2)


def test_a_worker_that_dies_while_the_server_ends_is_not_replaced(hands):
    fleet = serving(hands)
    fleet.drain(10.0)
    fleet.on_death(1, KILLED, 11.0)
    assert (len(hands.spawned), fleet.exit_code) == (2, 0)


def test_a_stop_at_once_after_a_drain_reaches_the_workers_that_are_left(hands):
    fleet = serving(hands)
    fleet.drain(10.0)
    fleet.on_death(1, code(0), 11.0)
    fleet.stop(12.0)
    assert hands.stopped == [2]


def test_a_worker_that_does_not_end_is_killed(hands):
    fleet = serving(hands, workers=1)
    fleet.drain(10.0)
    assert fleet.next_deadline() > 10.0 + GRACEFUL_SECONDS
    fleet.on_time(fleet.next_deadline())
    assert hands.killed == [1]


def test_a_stop_while_one_waits_to_respawn_ends_the_wait(hands):
    fleet = starting(hands)
    fleet.on_ready(1, 0.0)
    fleet.on_death(2, code(3), 10.0)
    fleet.drain(10.1)
    fleet.on_death(1, code(0), 10.2)
    assert (fleet.has_ended, fleet.next_deadline()) == (True, None)


def test_the_exit_code_of_a_script_that_fails_behind_its_run_call_is_the_server_s(hands):
    fleet = serving(hands, workers=1)
    fleet.drain(10.0)
    fleet.on_death(1, code(3), 11.0)
    assert fleet.exit_code == 3


def test_a_machine_without_room_for_the_first_process_is_told(hands):
    hands.is_refused = True
    with pytest.raises(EnvironmentProblem):
        starting(hands)


def test_a_machine_without_room_for_a_successor_is_asked_again_later(hands):
    fleet = serving(hands)
    hands.is_refused = True
    fleet.on_death(1, KILLED, 10.0)
    assert fleet.next_deadline() == 10.5
    hands.is_refused = False
    fleet.on_time(10.5)
    assert hands.spawned[2:] == [(1, 0, False)]


def test_a_machine_without_room_for_a_reload_leaves_the_old_code_serving(hands, capsys):
    fleet = serving(hands)
    hands.is_refused = True
    fleet.reload(generation(2), 10.0)
    assert hands.reloads[1:] == [(2, False)]
    assert "error: the reload failed" in capsys.readouterr().err


def test_an_app_that_needs_one_process_gets_one_worker(hands):
    fleet = starting(hands, workers=4)
    fleet.keep_to(1, 1)
    fleet.on_ready(1, 1.0)
    assert len(hands.spawned) == 1


def test_a_first_worker_that_becomes_the_template_gets_another_in_its_place(hands):
    fleet = starting(hands, workers=2)
    fleet.on_preloaded(1, 1.0)
    fleet.on_ready(2, 2.0)
    assert hands.spawned == [(1, 0, True), (1, 0, True), (1, 1, False)]
    assert fleet.generations == {1}


def test_that_one_s_death_before_it_serves_is_the_generation_s(hands):
    fleet = starting(hands)
    fleet.on_preloaded(1, 1.0)
    fleet.on_death(2, code(3), 2.0)
    assert (fleet.has_ended, fleet.exit_code, fleet.generations) == (True, 3, set())


def test_a_template_of_a_try_that_was_given_up_meanwhile_gets_no_worker(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.reload(generation(3), 11.0)
    fleet.on_preloaded(3, 12.0)
    assert hands.spawned[2:] == [(2, 0, True), (3, 0, True)]
    assert fleet.generations == {1, 3}


def test_the_old_generation_may_need_workers_until_the_new_one_is_whole(hands):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    fleet.on_preloaded(3, 11.0)
    fleet.on_ready(4, 12.0)
    assert fleet.generations == {1, 2}
    fleet.on_ready(5, 13.0)
    assert fleet.generations == {2}


def test_a_machine_without_room_for_a_worker_of_the_template_ends_the_reload(hands, capsys):
    fleet = serving(hands)
    fleet.reload(generation(2), 10.0)
    hands.is_refused = True
    fleet.on_preloaded(3, 11.0)
    assert hands.reloads[1:] == [(2, False)]
    assert "error: the reload failed" in capsys.readouterr().err


def test_a_worker_that_hangs_is_dumped_then_killed_and_replaced_at_once(hands, capsys):
    fleet = serving(hands)
    fleet.give_up(1, "has not turned its loop for 31.0 s (`heartbeat_timeout`)", 40.0)
    assert (hands.dumped, hands.killed, hands.spawned[2:]) == ([1], [], [(1, 0, False)])
    fleet.on_time(fleet.next_deadline())
    assert hands.killed == [1]
    fleet.on_death(1, KILLED, 43.0)
    fleet.on_ready(3, 44.0)
    assert (len(hands.spawned), fleet.restarts) == (3, {"hang": 1})
    assert "worker 1 (process 1) was killed by SIGKILL" in capsys.readouterr().err


def test_what_hangs_while_the_server_ends_is_not_replaced(hands):
    fleet = serving(hands, workers=1)
    fleet.drain(10.0)
    fleet.give_up(1, "has not turned its loop", 40.0)
    assert (hands.dumped, len(hands.spawned)) == ([1], 1)
