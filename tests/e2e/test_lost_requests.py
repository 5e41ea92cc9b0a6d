"""What is lost with workers that die."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.support.hanging_server import serve, wait_for_replaced
from tests.support.live_server import LiveServer, run_uncork

pytestmark = [pytest.mark.slow, pytest.mark.timeout(30)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_what_is_lost_with_a_worker_is_told_one_by_one(number: signal.Signals) -> None:
    with serve() as server, server.client() as idle, server.client() as busy:
        pid = server.worker_pid
        assert idle.get("/").status == 200
        busy.send(b"GET /sleep?60 HTTP/1.1\r\nHost: test\r\n\r\n")
        port = busy.connection.getsockname()[1]
        # The loop writes down how many connections there are when it turns.
        server.wait_for(lambda: connections(server) == 2, "both connections were counted")
        os.kill(pid, number)
        wait_for_replaced(server, pid, 1)
        server.wait_for_log(
            f"worker 1 (process {pid}) was killed by {number.name} with 2 connections"
        )
        server.wait_for_log(
            f"lost with worker 1 (process {pid}): `GET /sleep?60` of 127.0.0.1:{port}"
        )


def connections(server: LiveServer) -> int:
    told = run_uncork("status", "--json", str(server.pid), directory=server.directory)
    return int(json.loads(told.stdout)["load"]["connections"])
