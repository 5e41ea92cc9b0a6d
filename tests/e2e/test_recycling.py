"""Workers that have served for long enough are replaced, and no client sees anything of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer
from tests.support.steady_clients import steady_clients

pytestmark = pytest.mark.slow

APP = """\
import os
kept = []

def app(environ, start_response):
    if environ["PATH_INFO"] == "/leak":
        kept.append(b"x" * 2**26)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def recycled(server: LiveServer, setting: str) -> list[int]:
    """The workers that have been, in their order."""
    pattern = rf"^worker \d+ \(process (\d+)\) .* \(`{setting}`\); another one takes its place$"
    return [int(pid) for pid in re.findall(pattern, server.log(), re.MULTILINE)]


def test_no_client_loses_a_request_when_workers_are_replaced_under_load(folder: Path) -> None:
    arguments = ("hello:app", "--max-worker-age=1s")
    with LiveServer(*arguments, directory=folder, workers=2) as server:
        with steady_clients(server, 4) as clients:
            server.wait_for(
                lambda: len(recycled(server, "max_worker_age")) >= 4, "four were replaced"
            )
        assert clients.failures == []
        assert clients.answered > 100
        assert "warning: worker" not in server.log()


def test_one_worker_is_replaced_at_a_time(folder: Path) -> None:
    arguments = ("hello:app", "--max-worker-age=1s")
    with LiveServer(*arguments, directory=folder, workers=3) as server:
        most = 0

        def are_replaced() -> bool:
            nonlocal most
            most = max(most, len(server.worker_pids))
            return len(recycled(server, "max_worker_age")) >= 4

        server.wait_for(are_replaced, "four were replaced")
        assert most <= 4


def test_a_worker_that_leaks_is_replaced(folder: Path) -> None:
    with LiveServer("hello:app", "--max-rss=150MiB", directory=folder) as server:
        leaking = server.worker_pid
        for _ in range(3):
            with server.client() as client:
                client.get("/leak")
        server.wait_for(lambda: recycled(server, "max_rss") == [leaking], "it was replaced")
        assert re.search(r"has \d+MiB of memory", server.log())
        server.wait_for(lambda: leaking not in server.worker_pids, "it had ended")
        with server.client() as client:
            assert int(client.get("/").body) == server.worker_pid


def test_a_worker_that_has_answered_enough_is_replaced(folder: Path) -> None:
    arguments = ("hello:app", "--max-requests=50", "--max-requests-jitter=10")
    with LiveServer(*arguments, directory=folder) as server:
        first = server.worker_pid
        with steady_clients(server, 2) as clients:
            server.wait_for(lambda: len(recycled(server, "max_requests")) >= 2, "two were replaced")
        assert recycled(server, "max_requests")[0] == first
        assert clients.failures == []
