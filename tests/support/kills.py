"""Kills workers under load: no request may be lost but those that were inside the killed ones.

Each is stopped for the moment that it takes to read from `/proc` which connections it has, and
then killed. So of each request that is lost, it is known whether it was on one of those. A
connection that nobody has accepted yet is in the queue of the listener, which the others share.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.live_server import LiveServer
from tests.support.steady_clients import steady_clients

_APP = """\
import os

def app(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
_CLIENTS = 6


def kill_workers(folder: Path, kills: int, seconds_between: float) -> str:
    """What came of it, in a sentence.

    Raises:
        AssertionError: A request was lost that was inside no worker that was killed.
    """
    (folder / "hello.py").write_text(_APP)
    killed: list[tuple[float, set[int]]] = []
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        with steady_clients(server, _CLIENTS) as clients:
            for number in range(kills):
                killed.append(_kill(server, number % 2, time.monotonic() + seconds_between))
        assert clients.statuses == {200}
        server.wait_for(lambda: len(server.worker_pids) == 2, "there were two again")
    unexplained = [
        lost
        for lost in clients.lost
        if not any(lost.port in inside and lost.began < at for at, inside in killed)
    ]
    assert unexplained == []
    return (
        f"{kills} kills, {clients.answered:,} requests answered, {len(clients.lost)} lost, "
        "each of them on a connection inside a killed worker"
    )


def _kill(server: LiveServer, which: int, not_before: float) -> tuple[float, set[int]]:
    """When a worker was killed, and the clients' ports of the connections that it had."""
    server.wait_for(
        lambda: time.monotonic() > not_before and len(server.worker_pids) == 2,
        "two workers were there",
    )
    victim = server.worker_pids[which]
    os.kill(victim, signal.SIGSTOP)
    server.wait_for(lambda: _is_stopped(victim), "the worker had stopped")
    inside = _ports_inside(victim, server)
    os.kill(victim, signal.SIGKILL)
    at = time.monotonic()
    server.wait_for_log(f"(process {victim}) was killed by SIGKILL")
    return at, inside


def _ports_inside(pid: int, server: LiveServer) -> set[int]:
    """The clients' ports of all the connections that a process has accepted."""
    own = set(_inodes(pid))
    port = f":{server.addresses[0][1]:04X}"
    fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(field[2].partition(":")[2], 16)
        for field in fields
        if field[1].endswith(port) and field[9] in own
    }


def _inodes(pid: int) -> Iterator[str]:
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            kind, _, inode = str(file.readlink()).partition(":[")
            if kind == "socket":
                yield inode.rstrip("]")


def _is_stopped(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").iterdir()
    states = [(each / "stat").read_text().rpartition(")")[2].split()[0] for each in threads]
    return set(states) == {"T"}
