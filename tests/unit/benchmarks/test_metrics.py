import pytest

from benchmarks.metrics import METRICS, percentile


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 1), (1, 1), (50, 50), (50.1, 51), (99, 99), (99.1, 100), (100, 100)],
)
def test_a_percentile_is_the_nearest_rank(percent: float, expected: int) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_every_percentile_of_one_number_is_that_number() -> None:
    assert percentile([7.0], 99) == 7.0


def test_large_numbers_have_their_thousands_apart() -> None:
    assert METRICS["requests_per_second"].show(1234567.8) == "1,234,568"
