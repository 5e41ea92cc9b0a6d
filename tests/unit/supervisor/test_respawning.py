from uncork.supervisor.respawning import Respawning


def respawning(chance: float = 0.5) -> Respawning:
    return Respawning(chance=lambda: chance)


def test_who_has_served_for_a_while_is_replaced_at_once():
    assert respawning().seconds_after(5.0) == 0


def test_three_that_died_as_soon_as_they_served_are_replaced_at_once_and_the_fourth_waits():
    waits = respawning()
    assert [waits.seconds_after(0.1) for _ in range(5)] == [0, 0, 0, 0.5, 1]


def test_the_wait_differs_by_a_quarter_from_server_to_server():
    assert respawning(chance=0.0).seconds_after(None) == 0.375
    assert respawning(chance=1.0).seconds_after(None) == 0.625


def test_a_worker_that_has_served_for_a_while_ends_the_caution():
    waits = respawning()
    waits.seconds_after(None)
    assert waits.is_cautious
    waits.seconds_after(5.0)
    assert not waits.is_cautious
    assert waits.seconds_after(None) == 0.5
