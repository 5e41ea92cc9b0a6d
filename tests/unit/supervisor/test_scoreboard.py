"""What the native worker writes, read here: in one process, or across one that is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.raw_client import RawClient
from uncork import worker
from uncork.errors import UsageError
from uncork.settings import resolve
from uncork.supervisor.scoreboard import Activity, Phase, RunningRequest, Scoreboard

DEADLINE_SECONDS = 8.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_SECONDS} s"
        time.sleep(0.002)


@dataclass
class App:
    """Answers by the path; `/wait` answers when `gate` opens."""

    gate: threading.Event = field(default_factory=threading.Event)
    idents: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Sequence[bytes]:
        path = environ["PATH_INFO"]
        if path == "/wait":
            self.idents.append((threading.get_native_id(), threading.get_ident()))
            assert self.gate.wait(DEADLINE_SECONDS)
        if path == "/raise":
            raise LookupError
        if path == "/upgrade":
            with environ["gunicorn.socket"].dup():
                assert self.gate.wait(DEADLINE_SECONDS)
            return []
        if path == "/short":
            start_response("200 OK", [("Content-Length", "5")])
            return [b"123"]
        if path == "/large":
            start_response("200 OK", [("Content-Length", str(64 << 20))])
            return [bytes(1 << 20)] * 64
        status = path[1:4] if path[1:4].isdigit() else "200"
        start_response(f"{status} Fine", [("Content-Length", "0")])
        return []


@dataclass
class Served:
    board: Scoreboard
    row: int
    app: App
    address: tuple[str, int]

    def client(self) -> RawClient:
        connection = socket.create_connection(self.address, timeout=DEADLINE_SECONDS)
        return RawClient(connection)

    def running(self) -> list[RunningRequest]:
        return self.board.running(self.row)

    def wait_for_running(self, number: int = 1) -> list[RunningRequest]:
        wait_until(lambda: len(self.running()) == number, f"{number} requests run")
        return self.running()


@contextmanager
def serving(board: Scoreboard, tmp_path: Path, app: App) -> Iterator[Served]:
    """A native worker in this process, on a row of `board`."""
    row = board.claim(3, 1)
    assert row is not None
    board.occupy(row, os.getpid())
    settings = worker.worker_settings(resolve(flags={}, environ={}, directory=tmp_path).values)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = worker.Worker(app, [listener.fileno()], settings, board.for_worker(row))
        served.start()
        try:
            yield Served(board, row, app, listener.getsockname())
        finally:
            app.gate.set()
            served.stop()
            assert served.join(DEADLINE_SECONDS)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(Scoreboard.create(4), tmp_path, App()) as served:
        yield served


def test_a_row_is_claimed_by_one_worker_and_free_again_when_released() -> None:
    board = Scoreboard.create(2)
    assert board.rows == []
    assert [board.claim(1, 0), board.claim(1, 1), board.claim(1, 2)] == [0, 1, None]
    board.occupy(1, 4711)
    assert (board.row_of(4711), board.row_of(4712)) == (1, None)
    figures = board.worker(1)
    assert (figures.pid, figures.generation, figures.index) == (4711, 1, 1)
    assert figures.phase is Phase.LOADING
    assert figures.heartbeat is None
    board.release(0)
    assert board.rows == [1]
    assert board.claim(2, 0) == 0


def test_requests_are_counted_by_the_class_of_their_status(served: Served) -> None:
    with served.client() as client:
        for path in ("/200", "/204", "/302", "/404", "/410", "/429", "/503"):
            client.get(path)
        client.get("/raise")
    with served.client() as client:
        client.request(b"GET / HTTP/1.1\r\nHost: bad host\r\n\r\n")  # refused by the loop
    wait_until(lambda: served.board.totals().counters.requests_ended == 9, "all have ended")
    counters = served.board.worker(served.row).counters
    assert counters.responses == (0, 2, 1, 4, 2)
    assert (counters.requests_begun, counters.requests_ended) == (9, 9)
    assert (counters.aborted, counters.in_flight) == (0, 0)
    assert counters == served.board.totals().counters
    # What the loop has refused never waited for the app.
    assert (counters.latency.count, counters.queue_time.count) == (8, 8)


def test_bytes_are_those_of_head_and_body(served: Served) -> None:
    with served.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = client.read_to_end()
    wait_until(lambda: served.board.totals().counters.requests_ended == 1, "it has ended")
    assert served.board.totals().counters.bytes_sent == len(answer)


def test_an_answer_that_is_broken_off_is_aborted(served: Served) -> None:
    with served.client() as client:
        client.send(b"GET /short HTTP/1.1\r\nHost: test\r\n\r\n")
        client.read_to_end()
    wait_until(lambda: served.board.totals().counters.requests_ended == 1, "it has ended")
    counters = served.board.totals().counters
    assert (counters.aborted, counters.responses) == (1, (0, 0, 0, 0, 0))


def test_a_running_request_is_named_with_its_thread(served: Served) -> None:
    before = time.monotonic()
    with served.client() as client:
        client.send(b"POST /wait?token=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
        wait_until(lambda: len(served.app.idents) == 1, "it is inside the app")
        (request,) = served.running()
        assert (request.method, request.target, request.is_cut) == ("POST", "/wait?token=1", False)
        assert (request.client, request.client_port) == client.connection.getsockname()
        assert before <= request.started <= time.monotonic()
        assert (request.native_thread, request.python_thread) == served.app.idents[0]
        assert request.activity is Activity.IN_APP
        figures = served.board.worker(served.row)
        assert (figures.busy_threads, figures.upgraded_threads) == (1, 0)
        assert figures.counters.in_flight == 1
        assert figures.threads >= 1
        assert figures.phase is Phase.SERVING
        served.app.gate.set()
        assert client.read_response().status == 200
    wait_until(lambda: served.running() == [], "it has ended")
    latency = served.board.worker(served.row).counters.latency
    assert latency.count == 1
    assert 0 < latency.sum_seconds < time.monotonic() - before


def test_each_request_of_a_thread_has_a_number_of_its_own(served: Served) -> None:
    names = set()
    for _ in range(3):
        with served.client() as client:
            client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
            (request,) = served.wait_for_running()
            names.add((request.row, request.cell, request.number))
            served.app.gate.set()
            client.read_response()
            # The answer is there a moment before the thread has left.
            wait_until(lambda: served.running() == [], "it has ended")
            served.app.gate.clear()
    assert len(names) == 3


def test_a_long_target_is_cut_and_says_so(served: Served) -> None:
    with served.client() as client:
        client.send(b"GET /wait?" + b"x" * 500 + b" HTTP/1.1\r\nHost: test\r\n\r\n")
        (request,) = served.wait_for_running()
    assert request.is_cut
    assert request.target == "/wait?" + "x" * 122


def test_many_requests_at_once_are_all_listed(served: Served) -> None:
    clients = [served.client() for _ in range(8)]
    for number, client in enumerate(clients):
        client.send(b"GET /wait?%d HTTP/1.1\r\nHost: test\r\n\r\n" % number)
    requests = served.wait_for_running(8)
    assert {request.target for request in requests} == {f"/wait?{n}" for n in range(8)}
    assert len({request.python_thread for request in requests}) == 8
    starts = [request.started for request in requests]
    assert starts == sorted(starts)
    wait_until(lambda: served.board.worker(served.row).connections == 8, "all are counted")
    served.app.gate.set()
    for client in clients:
        with client:
            assert client.read_response().status == 200


def test_a_thread_that_waits_for_its_client_says_so(served: Served) -> None:
    with served.client() as client:
        client.send(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n")
        wait_until(
            lambda: [r.activity for r in served.running()] == [Activity.WAITING_FOR_PEER],
            "it waits for the client",
        )
    wait_until(lambda: served.running() == [], "the client has gone")
    assert served.board.totals().counters.aborted == 1


def test_a_connection_that_was_upgraded_stays_visible(served: Served) -> None:
    with served.client() as client:
        client.send(
            b"GET /upgrade HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
        )
        wait_until(
            lambda: [r.activity for r in served.running()] == [Activity.UPGRADED],
            "it is upgraded",
        )
        figures = served.board.worker(served.row)
        assert (figures.busy_threads, figures.upgraded_threads) == (1, 1)
        wait_until(
            lambda: served.board.worker(served.row).connections == 1, "the connection is counted"
        )
        served.app.gate.set()
        assert client.read_to_end() == b""
    wait_until(lambda: served.running() == [], "it has ended")
    counters = served.board.totals().counters
    assert counters.responses[0] == 1
    assert counters.latency.count == 0


@pytest.mark.slow
def test_an_idle_loop_beats_every_second(served: Served) -> None:
    def beat() -> float:
        return served.board.worker(served.row).heartbeat or 0.0

    first = beat()
    wait_until(lambda: beat() > first, "it beats")
    second = beat()
    wait_until(lambda: beat() > second, "it beats again")
    assert beat() - second < 3.0


def test_what_a_worker_did_stays_when_its_row_is_released(tmp_path: Path) -> None:
    board = Scoreboard.create(1)
    for turn in (1, 2, 3):
        with serving(board, tmp_path, App()) as served, served.client() as client:
            assert client.get("/404").status == 404
        assert board.worker(served.row).phase is Phase.ENDED
        before = board.totals().counters
        board.release(served.row)
        assert board.totals().counters == before
        assert board.totals().workers == 0
        assert before.responses == (0, 0, 0, turn, 0)


def test_a_worker_that_is_killed_in_mid_request_leaves_an_aborted_one(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", KILLED],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=9,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["GET", "/wait", "1", "1", "0", "[]"]


KILLED = """\
import os, signal, socket, time
from pathlib import Path
from uncork import worker
from uncork.settings import resolve
from uncork.supervisor.scoreboard import Scoreboard

def app(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/wait":
        while True:
            time.sleep(60)
    return []

board = Scoreboard.create(2)
row = board.claim(1, 0)
listener = socket.create_server(("127.0.0.1", 0))
pid = os.fork()
if not pid:
    settings = worker.worker_settings(resolve(flags={}, environ={}, directory=Path()).values)
    served = worker.Worker(app, [listener.fileno()], settings, board.for_worker(row))
    served.start()
    served.join(9)
    os._exit(0)
board.occupy(row, pid)
with socket.create_connection(listener.getsockname()) as client:
    client.sendall(b"GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
    client.recv(1000)
    client.sendall(b"GET /wait HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
    while [each.target for each in board.running(row)] != ["/wait"]:  # the first may be there still
        time.sleep(0.002)
    (request,) = board.running(row)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    board.release(row)
counters = board.totals().counters
print(request.method, request.target, counters.responses[1], counters.aborted, counters.in_flight)
print(board.running(row))
"""


def test_memory_that_is_too_small_is_refused(tmp_path: Path) -> None:
    board = Scoreboard.create(1)
    settings = worker.worker_settings(resolve(flags={}, environ={}, directory=tmp_path).values)
    with pytest.raises(UsageError, match="no such row"):
        worker.Worker(App(), [], settings, board.for_worker(1))
    with pytest.raises(ValueError, match="no such row"):
        board.running(1)
