"""What a worker of `uncork dev` is given, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from uncork.app_locator import AppSpec
from uncork.dev import starting
from uncork.settings import resolve, resolve_dev


class Link:
    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def tell_supervisor(self, facts: Mapping[str, Any]) -> bool:
        self.told.update(facts)
        return True


def plain(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


def _desk(folder: Path) -> Any:
    choice = starting.Choice(
        resolve(flags={}, environ={}, directory=folder),
        resolve_dev(flags={}, environ={}, directory=folder, env_file=None),
        AppSpec("hello:app", "the argument"),
        {},
    )
    return starting._desk(choice, ["127.0.0.1"])


@pytest.mark.parametrize("stands_in", ["after_death", "instead_of_app"])
def test_only_a_worker_with_the_app_tells_what_to_prepare(tmp_path: Path, stands_in: str) -> None:
    link = Link()
    desk = _desk(tmp_path)
    desk.around(plain)
    desk.ready(link)
    assert "prepare" in link.told
    link = Link()
    desk = _desk(tmp_path)
    if stands_in == "after_death":
        desk.after_death("it died")
    else:
        desk.instead_of_app(LookupError("x"))
    desk.ready(link)
    assert "watch" in link.told
    assert "prepare" not in link.told
