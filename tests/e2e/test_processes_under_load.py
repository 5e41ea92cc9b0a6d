"""Workers die and are replaced, code is reloaded and breaks, and the clients go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.kills import kill_workers
from tests.support.reloads import reload_often

pytestmark = pytest.mark.slow


@pytest.mark.timeout(60)
def test_no_request_is_lost_but_those_inside_the_killed_workers(tmp_path: Path) -> None:
    print(kill_workers(tmp_path, kills=10, seconds_between=0.2))


@pytest.mark.timeout(180)
def test_fifty_reloads_ten_of_them_broken_lose_nothing(tmp_path: Path) -> None:
    print(reload_often(tmp_path, reloads=50, broken=10))
