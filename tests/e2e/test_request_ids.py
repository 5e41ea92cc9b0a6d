"""What a request is called: in the access log, in the error log, and, if asked for, everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer, run_uncork

APPS = Path(__file__).parent.parent / "apps"
OWN = re.compile("[0-9a-f]{24}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(APPS / "logged.py", tmp_path)
    return tmp_path


def serve(folder: Path, *arguments: str) -> LiveServer:
    return LiveServer("logged:app", *arguments, directory=folder)


def logged_id(server: LiveServer) -> str:
    path = server.directory / "access.log"
    server.wait_for(lambda: path.read_bytes().endswith(b"\n"), "a line was logged")
    return str(json.loads(path.read_text())["request_id"])


def test_a_line_of_the_access_log_finds_its_traceback(folder: Path) -> None:
    with serve(folder, "--access-log=access.log", "--access-log-format=json") as server:
        with server.client() as client:
            client.get("/boom?secret=1")
        identifier = logged_id(server)
        assert OWN.fullmatch(identifier)
        server.wait_for_log("RuntimeError: boom")
        report = (
            f"error: the application raised at `GET /boom` (client 127.0.0.1, request "
            f"`{identifier}`, process {server.worker_pid})\nTraceback"
        )
        assert report in server.log()
        assert f"about to fail in {server.worker_pid}\n" in server.log()


def test_without_an_access_log_an_error_has_the_id_that_a_proxy_gave(folder: Path) -> None:
    with serve(folder) as server:
        with server.client() as client:
            assert client.get("/boom", "X-Request-ID: from-nginx").header("X-Request-ID") is None
        with server.client() as client:
            client.get("/boom", "X-Request-ID: a`b")
        server.wait_for(lambda: server.log().count("RuntimeError: boom") == 2, "both failed")
        process = server.worker_pid
        assert f"(client 127.0.0.1, request `from-nginx`, process {process})" in server.log()
        assert f"(client 127.0.0.1, process {process})" in server.log()


def test_the_application_and_the_client_are_told_if_that_is_wanted(folder: Path) -> None:
    with serve(folder, "--request-ids=all") as server, server.client() as client:
        own = client.get("/id")
        assert OWN.fullmatch(own.body.decode())
        assert own.header("X-Request-ID") == own.body.decode()
        assert client.get("/id").body != own.body
        given = client.get("/id", "X-Request-ID: abc-1")
        assert (given.body, given.header("X-Request-ID")) == (b"abc-1", "abc-1")
        assert client.get("/own-id").header("X-Request-ID") == "mine"


@pytest.mark.parametrize("sent", [["a b"], ['a"b'], ["a"] * 2, ["a" * 129], [""]])
def test_an_id_that_could_do_harm_is_replaced(folder: Path, sent: list[str]) -> None:
    with serve(folder, "--request-ids=all") as server, server.client() as client:
        answer = client.get("/id", *(f"X-Request-ID: {each}" for each in sent))
        assert OWN.fullmatch(answer.body.decode())
        assert answer.header("X-Request-ID") == answer.body.decode()


def test_answers_of_the_server_itself_say_it_too(folder: Path) -> None:
    arguments = ("--request-ids=all", "--access-log=access.log", "--access-log-format=json")
    with serve(folder, *arguments) as server, server.client() as client:
        answer = client.request(b"GET / HTTP/1.1\r\n\r\n")
        assert answer.status == 400
        assert answer.header("X-Request-ID") == logged_id(server)


def test_the_header_may_be_another_one(folder: Path) -> None:
    arguments = ("--request-ids=all", "--request-id-header=X-Trace")
    with serve(folder, *arguments) as server, server.client() as client:
        answer = client.get("/id", "x-trace: t1", "X-Request-ID: other")
        assert (answer.body, answer.header("X-Trace")) == (b"other", "t1")


def test_with_none_no_request_is_called_anything(folder: Path) -> None:
    arguments = ("--access-log=access.log", "--access-log-format=json", "--request-ids=none")
    with serve(folder, *arguments) as server, server.client() as client:
        assert client.get("/id", "X-Request-ID: abc-1").header("X-Request-ID") is None
        assert logged_id(server) == "None"


def test_a_request_that_runs_and_one_that_is_lost_are_named_by_their_ids(folder: Path) -> None:
    os.mkfifo(folder / "gate")
    with serve(folder, "--request-ids=all") as server:
        with server.client() as client:
            client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for((folder / "waiting").exists, "the request ran")
            done = run_uncork("requests", "--json", str(server.pid), directory=folder)
            (running,) = json.loads(done.stdout)["requests"]
            (folder / "gate").write_bytes(b"go on")
            assert client.read_response().header("X-Request-ID") == running["request_id"]
        (folder / "waiting").unlink()
        with server.client() as client:
            client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\nX-Request-ID: from-nginx\r\n\r\n")
            server.wait_for((folder / "waiting").exists, "the request ran")
            os.kill(server.worker_pid, signal.SIGKILL)
            server.wait_for_log("lost with worker 1 ")
            port = client.connection.getsockname()[1]
            server.wait_for_log(f"`GET /wait` of 127.0.0.1:{port}, request `from-nginx`, after ")
        server.wait_for(lambda: len(server.worker_pids) == 1, "another worker was started")
