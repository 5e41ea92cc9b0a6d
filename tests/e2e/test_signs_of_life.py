"""Workers that show no sign of life, and what is lost with workers that die."""

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


def test_a_worker_whose_interpreter_is_kept_by_c_code_is_dumped_and_replaced() -> None:
    with serve("--heartbeat-timeout=2s", "--request-timeout=500ms") as server:
        pid = server.worker_pid
        with server.client(timeout_seconds=8) as client:
            port = client.connection.getsockname()[1]
            # The loop needs no interpreter to tell the client.
            assert client.get("/interpreter?60").status == 504
        with server.client(timeout_seconds=15) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            wait_for_replaced(server, pid, 1)
        log = server.log()
        assert f"worker 1 (process {pid}) could not have its interpreter for" in log
        assert "_keep_interpreter" in log
        assert "was killed by SIGABRT" in log
        assert (
            f"lost with worker 1 (process {pid}): `GET /interpreter?60` of 127.0.0.1:{port}" in log
        )
        with server.client() as client:
            assert client.get("/").status == 200


def test_a_worker_that_was_stopped_is_killed_and_replaced() -> None:
    with serve("--heartbeat-timeout=2s", workers=2) as server:
        pid = server.worker_pids[0]
        os.kill(pid, signal.SIGSTOP)
        wait_for_replaced(server, pid, 2)
        assert f"(process {pid}) has not turned its loop for" in server.log()
        with server.client() as client:
            assert client.get("/").status == 200


def test_workers_that_were_stopped_together_with_the_supervisor_are_left_alone() -> None:
    with serve("--heartbeat-timeout=2s") as server:
        pid = server.worker_pid
        os.killpg(server.pid, signal.SIGSTOP)
        time.sleep(6.0)
        os.killpg(server.pid, signal.SIGCONT)
        time.sleep(1.5)
        assert server.worker_pid == pid
        assert "heartbeat" not in server.log()


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
        log = server.log()
        assert f"worker 1 (process {pid}) was killed by {number.name} with 2 connections" in log
        assert f"lost with worker 1 (process {pid}): `GET /sleep?60` of 127.0.0.1:{port}" in log
