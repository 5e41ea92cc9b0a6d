"""What is lost with workers that die."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.conftest import APPS
from tests.support.live_server import LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(30)]


def serve(*arguments: str, workers: int = 1) -> LiveServer:
    return LiveServer("hanging:app", *arguments, directory=APPS, workers=workers)


def wait_for_replaced(server: LiveServer, pid: int, workers: int) -> None:
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        pids = server.worker_pids
        if pid not in pids and len(pids) == workers:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} was not replaced\n{server.log()}")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_what_is_lost_with_a_worker_is_told_one_by_one(number: signal.Signals) -> None:
    with serve() as server, server.client() as idle, server.client() as busy:
        pid = server.worker_pid
        assert idle.get("/").status == 200
        busy.send(b"GET /sleep?60 HTTP/1.1\r\nHost: test\r\n\r\n")
        port = busy.connection.getsockname()[1]
        time.sleep(0.5)  # the loop writes down how many connections there are when it turns
        os.kill(pid, number)
        wait_for_replaced(server, pid, 1)
        server.wait_for_log(
            f"worker 1 (process {pid}) was killed by {number.name} with 2 connections"
        )
        server.wait_for_log(
            f"lost with worker 1 (process {pid}): `GET /sleep?60` of 127.0.0.1:{port}"
        )
