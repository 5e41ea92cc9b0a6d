from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from uncork.supervisor.open_files import room_for_connections


@pytest.fixture
def hard() -> Iterator[int]:
    """The hard limit of this process, whose soft one is low while the test runs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        yield before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_without_a_word(
    hard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert room_for_connections(1000) == 1000
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2000
    assert capsys.readouterr().err == ""


def test_the_hard_limit_stays_as_it_is(hard: int) -> None:
    room_for_connections(1000)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard


def test_where_the_hard_limit_is_too_low_the_app_keeps_its_share(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (4096, 4096))
    assert room_for_connections(16_384) == 3584
    warning, first_hint, second_hint = capsys.readouterr().err.splitlines()
    assert "room for 3584 connections, not for 16384: this process may open 4096 files" in warning
    assert "LimitNOFILE=" in first_hint
    assert "--max-connections 3584" in second_hint


def test_a_limit_that_can_not_be_raised_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, limits: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert room_for_connections(1000) == 224


@pytest.mark.parametrize("limit", [1, 32, 33])
def test_one_connection_is_always_served(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
    assert room_for_connections(1000) == 1
