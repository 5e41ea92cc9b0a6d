"""The access log: what is in a line, and that nobody waits for it or writes it for us."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_server import LiveServer, run_uncork

APPS = Path(__file__).parent.parent / "apps"
COMBINED = re.compile(
    r"(?P<client>\S+) - (?P<user>\S+) "
    r"\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?P<request>[^"]*)" (?P<status>\d{3}) (?P<bytes>\d+) '
    r'"(?P<referer>[^"]*)" "(?P<agent>[^"]*)"'
)
FIELDS = [
    *("time", "client", "user", "method", "target", "protocol", "status", "bytes", "seconds"),
    *("queue_seconds", "request_id", "referer", "user_agent", "worker", "aborted"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(APPS / "logged.py", tmp_path)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def serve(folder: Path, *arguments: str, workers: int = 1) -> LiveServer:
    return LiveServer(
        "logged:app", "--access-log=access.log", *arguments, directory=folder, workers=workers
    )


def serve_json(folder: Path, *arguments: str, workers: int = 1) -> LiveServer:
    return serve(folder, "--access-log-format=json", *arguments, workers=workers)


def lines_of(server: LiveServer, count: int, name: str = "access.log") -> list[str]:
    """The lines of the log, once there are so many."""
    path = server.directory / name

    def lines() -> list[str]:
        return path.read_bytes().decode().splitlines() if path.exists() else []

    server.wait_for(lambda: len(lines()) >= count, f"{name} had {count} lines: {lines()}")
    assert len(lines()) == count
    return lines()


def entries_of(server: LiveServer, count: int) -> list[dict[str, Any]]:
    """As `lines_of`, parsed."""
    entries = [json.loads(line) for line in lines_of(server, count)]
    assert all(list(entry) == FIELDS for entry in entries)
    return entries


def test_a_combined_line_is_that_of_apache_and_nginx(folder: Path) -> None:
    with serve(folder) as server, server.client() as client:
        client.get("/a%20b?c=d", "User-Agent: x/1 \\ \xe4", "Referer: http://r/")
        client.get("/", "Authorization: Basic Ym9iOnNlY3JldA==")
        first, second = (COMBINED.fullmatch(line) for line in lines_of(server, 2))
        assert first is not None
        assert second is not None
        assert first["client"] == "127.0.0.1"
        assert first["request"] == "GET /a%20b?c=d HTTP/1.1"
        assert (first["status"], first["bytes"]) == ("200", "2")
        assert (first["referer"], first["agent"]) == ("http://r/", r"x/1 \x5C \xE4")
        assert (second["user"], second["referer"], second["agent"]) == ("bob", "-", "-")
        assert "secret" not in (folder / "access.log").read_text()


def test_a_json_line_is_an_object_with_all_fields(folder: Path) -> None:
    with serve_json(folder) as server, server.client() as client:
        client.get('/a?b="c', 'User-Agent: "quoted" \\ \u00e4', "X-Request-ID: abc-1")
        (entry,) = entries_of(server, 1)
        assert entry["worker"] == server.worker_pid
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"])
        assert 0 <= entry["queue_seconds"] <= entry["seconds"] < 60
        for name in ("worker", "time", "seconds", "queue_seconds"):
            del entry[name]
        assert entry == {
            "client": "127.0.0.1",
            "user": None,
            "method": "GET",
            "target": '/a?b="c',
            "protocol": "HTTP/1.1",
            "status": 200,
            "bytes": 2,
            "request_id": "abc-1",
            "referer": None,
            "user_agent": '"quoted" \\ \\xE4',  # as a byte of Latin-1 it is no UTF-8
            "aborted": False,
        }


def test_a_terminal_line_is_for_people(folder: Path) -> None:
    with serve(folder, "--access-log-format=terminal") as server, server.client() as client:
        client.get("/a")
        (line,) = lines_of(server, 1)
        assert re.fullmatch(r"\d\d:\d\d:\d\d 200 GET /a 2 B in \d+\.\d ms, for 127\.0\.0\.1", line)


def test_without_a_file_the_lines_go_to_stdout(folder: Path) -> None:
    with LiveServer("logged:app", "--access-log=-", directory=folder) as server:
        with server.client() as client:
            client.get("/out")
        server.wait_for_log('"GET /out HTTP/1.1" 200 2')


def test_by_default_nothing_is_logged(folder: Path) -> None:
    with LiveServer("logged:app", directory=folder) as server:
        with server.client() as client:
            assert client.get("/out").header("X-Request-ID") is None
        threads = Path(f"/proc/{server.worker_pid}/task").glob("*/comm")
        assert "uncork-log\n" not in [thread.read_text() for thread in threads]
    assert "/out" not in server.log()


def test_bytes_are_those_of_the_body_that_were_sent(folder: Path) -> None:
    (folder / "large.bin").write_bytes(bytes(300_000))
    with serve_json(folder) as server, server.client() as client:
        client.get("/pieces")
        client.request(b"HEAD /pieces HTTP/1.1\r\nHost: h\r\n\r\n")
        client.get("/not-modified")
        client.get("/file")
        client.request(b"GET /pieces HTTP/1.0\r\n\r\n")
        entries = entries_of(server, 5)
        told = [(entry["method"], entry["status"], entry["bytes"]) for entry in entries]
        assert told == [
            *(("GET", 200, 6), ("HEAD", 200, 0), ("GET", 304, 0)),
            *(("GET", 200, 300_000), ("GET", 200, 6)),
        ]
        assert entries[-1]["protocol"] == "HTTP/1.0"
        assert not any(entry["aborted"] for entry in entries)


def test_each_of_many_pipelined_requests_has_its_line_in_order(folder: Path) -> None:
    with serve_json(folder) as server, server.client() as client:
        requests = [f"GET /{number} HTTP/1.1\r\nHost: h\r\n\r\n" for number in range(50)]
        client.send("".join(requests).encode())
        for _ in requests:
            assert client.read_response().status == 200
        targets = [entry["target"] for entry in entries_of(server, 50)]
        assert targets == [f"/{number}" for number in range(50)]


@pytest.mark.parametrize(
    ("sent", "status", "method", "target"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "GET", "/"),
        (b"\x16\x03\x01\x02\n\r\n\r\n", 400, None, "\x16\x03\x01\x02"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414, "GET", "/" + "a" * 9000),
        (b"GET /h HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431, "GET", "/h"),
        (b"PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", 413, "PUT", "/b"),
        (b"GET https://h/s HTTP/1.1\r\nHost: h\r\n\r\n", 421, "GET", "https://h/s"),
        (b"GET /boom HTTP/1.1\r\nHost: h\r\n\r\n", 500, "GET", "/boom"),
    ],
)
def test_what_the_server_answers_itself_is_logged(
    folder: Path, sent: bytes, status: int, method: str | None, target: str
) -> None:
    with serve_json(folder, "--max-body=10") as server, server.client() as client:
        answer = client.request(sent, method="GET")
        assert answer.status == status
        (entry,) = entries_of(server, 1)
        assert (entry["status"], entry["method"], entry["target"]) == (status, method, target)
        assert entry["bytes"] == len(answer.body)
        assert re.fullmatch("[0-9a-f]{24}", entry["request_id"])
        assert entry["seconds"] < 5


def test_requests_that_came_too_slowly_or_not_at_all_are_logged(folder: Path) -> None:
    with serve_json(folder, "--head-timeout=100ms", "--body-timeout=100ms") as server:
        with server.client() as client:
            client.send(b"GET /slow HTTP/1.1\r\nHost:")
            assert client.read_response().status == 408
        with server.client() as client:
            client.send(b"PUT /slow-body HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx")
            assert client.read_response().status == 408
        with server.client() as client:
            client.send(b"PUT /gone HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx")
            reset(client.connection)
        told = [(entry["target"], entry["status"]) for entry in entries_of(server, 3)]
        assert told[:2] == [("/slow", 408), ("/slow-body", 408)]
        assert told[2][0] == "/gone"


def test_a_request_that_finds_no_room_is_logged(folder: Path) -> None:
    with serve_json(folder, "--threads=1", "--queue=0") as server, server.client() as busy:
        busy.send(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        server.wait_for((folder / "waiting").exists, "the only thread was busy")
        with server.client() as client:
            assert client.get("/full").status == 503
        (folder / "gate").write_bytes(b"")
        assert busy.read_response().status == 200
        told = [(entry["target"], entry["status"]) for entry in entries_of(server, 2)]
        assert told == [("/full", 503), ("/wait", 200)]


@pytest.mark.parametrize("target", ["/large", "/file"])
def test_a_transfer_that_breaks_off_is_marked(folder: Path, target: str) -> None:
    size = 64 * 1024 * 1024
    with (folder / "large.bin").open("wb") as file:
        file.truncate(size)
    with serve_json(folder) as server:
        with server.client() as client:
            client.send(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            received = 0
            while received < 1024 * 1024:
                received += len(client.connection.recv(65536))
            reset(client.connection)
        (entry,) = entries_of(server, 1)
        assert (entry["target"], entry["status"], entry["aborted"]) == (target, 200, True)
        assert 0 < entry["bytes"] < size


def test_an_answer_that_is_too_short_is_marked(folder: Path) -> None:
    with serve_json(folder) as server, server.client() as client:
        client.send(b"GET /breaks-off HTTP/1.1\r\nHost: h\r\n\r\n")
        client.read_to_end()
        (entry,) = entries_of(server, 1)
        assert (entry["bytes"], entry["aborted"]) == (5, True)


def test_a_unix_socket_has_no_client(folder: Path) -> None:
    with LiveServer(
        *("logged:app", "--access-log=access.log", "--access-log-format=json"),
        directory=folder,
        sockets=0,
        binds=[f"unix:{folder}/only.socket"],
    ) as server:
        with server.client() as client:
            client.get("/")
        (entry,) = entries_of(server, 1)
        assert entry["client"] is None


def test_what_is_logged_last_is_written_before_the_end(folder: Path) -> None:
    with serve_json(folder, workers=2) as server:
        for _ in range(20):
            with server.client() as client:
                client.get("/")
        assert server.stop() == 0
        assert len((folder / "access.log").read_text().splitlines()) == 20


@pytest.mark.slow
def test_a_pipe_that_nobody_reads_holds_nobody_up(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    pipe = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    arguments = ("--access-log=pipe", "--access-log-format=json")
    count = 1500
    with LiveServer("logged:app", *arguments, directory=folder) as server:
        with server.client(timeout_seconds=20) as client:
            for _ in range(count):
                assert client.get("/" + "a" * 8000).status == 200
        assert server.stop() == 0
    lost = sum(
        int(number) for number in re.findall(r"(\d+) lines? of the access log", server.log())
    )
    written = read_all(pipe)
    assert written.endswith(b"\n")
    lines = written.splitlines()
    assert all(len(line) < 4096 and json.loads(line)["status"] == 200 for line in lines)
    assert lost > 0
    assert len(lines) + lost == count


@pytest.mark.slow
def test_with_wait_no_line_is_lost(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    pipe = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    arguments = ("--access-log=pipe", "--access-log-format=json", "--access-log-when-full=wait")
    count = 1500
    request = f"GET /{'a' * 8000} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    with LiveServer("logged:app", *arguments, directory=folder) as server:
        with server.client(timeout_seconds=1.0) as client:
            answered = 0
            with suppress(TimeoutError):
                while answered < count:
                    assert client.request(request).status == 200
                    answered += 1
            assert answered < count, "nobody reads, and still the server answers"
            reader = Reader(pipe)
            client.connection.settimeout(20)
            for _ in range(count - answered):
                assert client.read_response().status == 200
                client.send(request)
            assert client.read_response().status == 200
        assert server.stop() == 0
    assert "of the access log" not in server.log()
    written = reader.end()
    assert written.count(b"\n") == count + 1


def test_a_log_that_can_not_be_opened_is_told(folder: Path) -> None:
    (folder / "sealed").mkdir()
    (folder / "sealed" / "access.log").mkdir()
    done = run_uncork("serve", "logged:app", "--access-log=nowhere/access.log", directory=folder)
    assert done.exit_code == 2
    assert "there is no folder for `nowhere/access.log`" in done.stderr
    (folder / "read-only.log").touch(0o400)
    arguments = ("serve", "logged:app", "--bind=127.0.0.1:0", "--access-log=read-only.log")
    done = run_uncork(*arguments, directory=folder, as_nobody=True)
    assert done.exit_code == 4
    assert "error: could not open the access log `read-only.log`" in done.stderr


def reset(connection: socket.socket) -> None:
    """Closes it the hard way, which loses what the peer has sent."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Reader:
    """Reads a pipe in a thread of its own, until `end` is called."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._parts: list[bytes] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def end(self) -> bytes:
        """All that came."""
        self._is_over.set()
        self._thread.join()
        return b"".join(self._parts) + read_all(self._pipe)

    def _read(self) -> None:
        while not self._is_over.is_set():
            select.select([self._pipe], [], [], 0.02)
            self._parts.append(read_all(self._pipe))


def read_all(pipe: int) -> bytes:
    """What is in the pipe now."""
    parts = []
    while True:
        try:
            part = os.read(pipe, 1 << 20)
        except BlockingIOError:
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)
