from pathlib import Path

from uncork.dev.watching import Change
from uncork.dev.watching.repeating import Repeating

PLOT = Change(Path("/p/static/plot.svg"), "static")
APP = Change(Path("/p/app.py"), "python")


def told(repeating: Repeating, times: list[float], change: Change = PLOT) -> int:
    return sum(len(repeating.left_of([change], at)) for at in times)


def test_a_file_that_changes_with_each_reload_stops_to_count():
    repeating = Repeating()
    assert told(repeating, [at * 0.3 for at in range(50)]) == 7
    assert repeating.newly_muted == [PLOT.path]
    assert repeating.left_of([PLOT, APP], 15.1) == [APP]


def test_an_editor_that_saves_every_second_counts():
    repeating = Repeating()
    assert told(repeating, [float(at) for at in range(50)]) == 50
    assert repeating.newly_muted == []


def test_a_file_counts_again_when_it_has_rested():
    repeating = Repeating()
    told(repeating, [at * 0.3 for at in range(50)])
    assert told(repeating, [16.0, 22.0]) == 1


def test_the_last_change_is_told_when_the_file_has_rested():
    repeating = Repeating()
    told(repeating, [at * 0.1 for at in range(40)], APP)
    assert repeating.next_deadline() == 4.9
    assert repeating.rested(4.8) == []
    assert repeating.rested(4.9) == [APP]
    assert repeating.next_deadline() is None
    assert told(repeating, [20.0], APP) == 1


def test_a_file_that_changes_whenever_it_is_told_is_told_ever_more_seldom():
    repeating = Repeating()
    told(repeating, [at * 0.1 for at in range(10)])
    gaps = []
    now = 0.9
    for _ in range(9):
        due = repeating.next_deadline()
        assert due is not None
        assert repeating.rested(due) == [PLOT]
        gaps.append(round(due - now, 3))
        now = due + 0.1
        assert repeating.left_of([PLOT], now) == []
    assert gaps == [1, 2, 4, 8, 16, 32, 60, 60, 60]
