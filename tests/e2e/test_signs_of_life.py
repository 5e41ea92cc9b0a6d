"""Workers that show no sign of life, and what is lost with workers that die."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.support.admin_client import ADMIN, AdminClient
from tests.support.hanging_server import serve, wait_for_replaced

pytestmark = [pytest.mark.slow, pytest.mark.timeout(30)]


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
        server.wait_for_log(f"worker 1 (process {pid}) could not have its interpreter for")
        server.wait_for_log("_keep_interpreter")
        server.wait_for_log(f"worker 1 (process {pid}) was killed by SIGABRT")
        server.wait_for_log(
            f"lost with worker 1 (process {pid}): `GET /interpreter?60` of 127.0.0.1:{port}"
        )
        with server.client() as client:
            assert client.get("/").status == 200


def test_a_worker_that_was_stopped_is_killed_and_replaced() -> None:
    with serve("--heartbeat-timeout=2s", workers=2) as server:
        pid = server.worker_pids[0]
        os.kill(pid, signal.SIGSTOP)
        wait_for_replaced(server, pid, 2)
        server.wait_for_log(f"(process {pid}) has not turned its loop for")
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


def test_a_template_is_no_silent_worker_and_its_workers_are_dumped_as_any() -> None:
    flags = ("--heartbeat-timeout=2s", "--request-timeout=500ms", ADMIN)
    with serve(*flags, workers=2) as server:
        server.wait_for(lambda: len(server.template_pids) == 1, "there was a template")
        templates, pids = server.template_pids, sorted(server.worker_pids)
        time.sleep(4.5)  # longer than the timeout, and the looks at it: nothing happens
        assert (server.template_pids, sorted(server.worker_pids)) == (templates, pids)
        assert "heartbeat" not in server.log()
        with server.client(timeout_seconds=8) as client:
            assert client.get("/interpreter?60").status == 504
        server.wait_for_log("could not have its interpreter for")
        server.wait_for_log("_keep_interpreter")
        server.wait_for_log("was killed by SIGABRT")
        server.wait_for(lambda: len(set(server.worker_pids) - set(pids)) == 1, "one was replaced")
        assert server.template_pids == templates
        restarts = AdminClient(server).metrics()
        assert restarts['uncork_worker_restarts_total{reason="hang"}'] == 1
