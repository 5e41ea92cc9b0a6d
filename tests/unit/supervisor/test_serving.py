"""The moments around serving, which a real process is in for too short a time."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from uncork.supervisor.forking import Post
from uncork.supervisor.serving import Serving
from uncork.supervisor.signals import StopAsked


class StoppedRightBefore:
    is_stop_asked = False

    @contextmanager
    def serving(self):
        raise StopAsked
        yield []


def test_a_stop_in_the_moment_before_serving_is_no_failure():
    post = Post(generation=1, index=0, is_first=True, row=None)
    serving = Serving(SimpleNamespace(), StoppedRightBefore(), SimpleNamespace(), post)
    with pytest.raises(StopAsked):
        serving.use(SimpleNamespace())
    assert serving.failure is None
