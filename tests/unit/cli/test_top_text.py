"""What `uncork top` makes of the differences between two looks."""

import pytest

from uncork.cli.top_text import time_below


def histogram(*counts):
    return {"bounds_seconds": [0.001, 0.01], "counts": list(counts)}


@pytest.mark.parametrize(
    ("before", "now", "share", "found"),
    [
        ((0, 0, 0), (10, 0, 0), 0.99, 0.001),
        ((9, 0, 0), (10, 1, 0), 0.5, 0.001),
        ((9, 0, 0), (10, 1, 0), 0.95, 0.01),
        ((0, 0, 0), (0, 0, 1), 0.5, float("inf")),
        ((5, 5, 5), (5, 5, 5), 0.5, None),
        ((5, 5, 5), (1, 0, 0), 0.5, None),  # a restart has begun to count anew
    ],
)
def test_the_share_of_what_came_in_between_is_below_a_bound(before, now, share, found):
    assert time_below(histogram(*before), histogram(*now), share) == found
