"""Limits by path, as text and as a table."""

import pytest

from uncork.settings import BadValueError
from uncork.settings.kinds import Duration
from uncork.settings.path_timeouts import PathTimeouts

KIND = PathTimeouts(Duration(0.001, 86400.0, can_be_unlimited=True))


def test_a_table_and_a_text_mean_the_same():
    table = KIND.read({"/reports/*": "5m", "/export": 90, "/socket": "unlimited"}, None)
    assert KIND.read("/reports/*=5m, /export=90,/socket=unlimited", None) == table
    assert dict(table) == {"/reports/*": 300.0, "/export": 90.0, "/socket": None}


def test_whole_paths_come_first_and_then_the_longest_begin():
    read = KIND.read("/*=1s,/a/*=2s,/a=3s,/a/b/*=4s,/a/b/c=5s", None)
    assert [each.pattern for each in read] == ["/a/b/c", "/a", "/a/b/*", "/a/*", "/*"]


def test_what_is_shown_is_read_back():
    read = KIND.read("/a/*=1m30s,/b=unlimited", None)
    assert KIND.show(read) == "/b=unlimited, /a/*=1m30s"
    assert KIND.read(KIND.show(read), None) == read
    assert (KIND.show(()), KIND.read("none", None)) == ("none", ())


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        ("reports=5m", "`reports` is not the path of a request"),
        ("/a*b=5m", "`/a*b` is not the path of a request"),
        ({"/a b": "5m"}, "`/a b` is not the path of a request"),
        ("/a", "`/a` has no duration"),
        ("/a=1s,/a=2s", "`/a` is named twice"),
        ("/a=soon", "of `/a`: it is not a duration"),
        ({"/a": True}, "of `/a`: it is not a text"),
        ("/a=2d", "of `/a`: it is out of range"),
        (5, "it is not a table"),
    ],
)
def test_what_is_wrong_is_named(raw, cause):
    with pytest.raises(BadValueError) as caught:
        KIND.read(raw, None)
    assert caught.value.cause == cause
