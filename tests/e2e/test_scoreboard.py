"""What the supervisor sees of its workers, over kills and reloads."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import live_server, scoreboard_server
from tests.support.live_server import LiveServer

pytestmark = pytest.mark.slow

APP = """\
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/wait":
        open("gate").read()
    start_response(path[1:4] + " Fine" if path[1:4].isdigit() else "200 OK", [])
    return [b"x"]
"""


class Board:
    """The scoreboard of a server, as its supervisor sees it."""

    def __init__(self, server: LiveServer, file: Path) -> None:
        self._server = server
        self._file = file

    def wait_for(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first figures that are so."""
        found: list[dict[str, Any]] = []

        def is_so() -> bool:
            if self._file.exists():
                found.append(json.loads(self._file.read_text()))
            return bool(found) and condition(found[-1])

        self._server.wait_for(is_so, "the figures are so")
        return found[-1]

    def wait_for_counters(self, **counters: Any) -> None:
        def are_so(figures: dict[str, Any]) -> bool:
            got = figures["totals"]["counters"]
            return all(got[name] == value for name, value in counters.items())

        self.wait_for(are_so)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")
    file = tmp_path / "scoreboard.json"
    command = [sys.executable, scoreboard_server.__file__, str(file)]
    monkeypatch.setattr(live_server, "uncork_command", lambda *_, **__: command)
    return file


def test_the_totals_of_two_workers_survive_a_kill_and_a_reload(file: Path) -> None:
    with LiveServer("hello:app", directory=file.parent, workers=2) as server:
        board = Board(server, file)
        for path in ("/200", "/404", "/404", "/503"):
            with server.client() as client:
                client.get(path)
        board.wait_for_counters(responses=[0, 1, 0, 2, 1], aborted=0, requests_ended=4)
        with server.client() as client:
            client.send(b"GET /wait?a HTTP/1.1\r\nHost: test\r\n\r\n")
            figures = board.wait_for(lambda figures: len(figures["running"]) == 1)
            (request,) = figures["running"]
            assert (request["method"], request["target"]) == ("GET", "/wait?a")
            assert figures["totals"]["busy_threads"] == 1
            (pid,) = [w["pid"] for w in figures["workers"] if w["row"] == request["row"]]
            os.kill(pid, signal.SIGKILL)
            board.wait_for_counters(responses=[0, 1, 0, 2, 1], aborted=1, requests_ended=5)
        figures = board.wait_for(
            lambda figures: (
                figures["running"] == []
                and [w["phase"] for w in figures["workers"]] == ["SERVING", "SERVING"]
                and pid not in [w["pid"] for w in figures["workers"]]
            )
        )
        server.send_signal(signal.SIGHUP)
        board.wait_for(lambda figures: [w["generation"] for w in figures["workers"]] == [2, 2])
        with server.client() as client:
            client.get("/302")
        board.wait_for_counters(responses=[0, 1, 1, 2, 1], aborted=1, requests_ended=6)
