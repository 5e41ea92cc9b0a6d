"""A request that is over its time: what its client gets, what the log says, what goes on."""

from __future__ import annotations

import json
import re
import signal
import ssl
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import APPS
from tests.support.certificates import make_certificate
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated
from tests.support.websocket_peer import WebSocketPeer

pytestmark = pytest.mark.slow

HANGS = ("/sleep", "/loop", "/lock", "/c", "/ignore")
# Of nothing else: on a busy machine, any request may take a while.
LIMIT = "--request-timeouts=" + ",".join(f"{path}=300ms" for path in (*HANGS, "/half", "/close"))
LONG_GRACE = "--request-grace=1h"


def serve(*arguments: str, workers: int = 1, is_tls: bool = False) -> LiveServer:
    return LiveServer("hanging:app", *arguments, directory=APPS, workers=workers, is_tls=is_tls)


def status_of(server: LiveServer, target: str) -> int:
    with server.client() as client:
        return client.get(target).status


def answer_of(server: LiveServer) -> int:
    """The process that answered."""
    with server.client() as client:
        return int(client.get("/").body)


@pytest.mark.parametrize("path", HANGS)
def test_a_request_that_hangs_is_answered_in_time_and_told_of_with_its_stack(path: str) -> None:
    # The worker ends at the end, although a thread of it never does.
    with serve(LIMIT, LONG_GRACE) as server, server.client() as client:
        port = client.connection.getsockname()[1]
        begin = time.monotonic()
        answer = client.get(f"{path}?60")
        took = time.monotonic() - begin
        assert (answer.status, answer.header("Connection")) == (504, "close")
        assert 0.25 < took < 3.0
        client.assert_closed()
        server.wait_for_log("is raised where it is")
        told = f"`GET {path}` of 127.0.0.1:{port} has given nothing for too long"
        assert told in server.log()
        assert f"in process {server.worker_pid}: it was answered with 504" in server.log()
        server.wait_for_log(", in app\n")
        assert status_of(server, "/") == 200


def test_the_exception_ends_what_is_python_code_and_the_thread_serves_again() -> None:
    with serve(LIMIT, "--request-grace=2s") as server:
        pid = server.worker_pid
        assert status_of(server, "/loop") == 504
        server.wait_for_log("is raised where it is")
        time.sleep(2.5)  # longer than the grace: nothing happens any more
        with server.client() as client:
            assert client.get("/").body == str(pid).encode()
        assert "another one takes its place" not in server.log()
        # It was told once, and its end is no failure of the app.
        assert "the application raised" not in server.log()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("path", ["/lock", "/ignore"])
def test_a_worker_whose_request_does_not_end_is_replaced_and_loses_no_other(
    workers: int, path: str
) -> None:
    limit = f"--request-timeouts={path}=300ms"
    with serve(limit, "--request-grace=200ms", workers=workers) as server:
        before = server.worker_pids
        slow, results = [server.client(timeout_seconds=9) for _ in range(4)], []
        for client in slow:
            client.send(b"GET /sleep?3 HTTP/1.1\r\nHost: test\r\n\r\n")
        stop = threading.Event()

        def go_on_asking() -> None:
            while not stop.is_set():
                results.append(status_of(server, "/"))

        asking = threading.Thread(target=go_on_asking)
        asking.start()
        try:
            assert status_of(server, path) == 504
            server.wait_for_log("has 1 request that does not end (`request_timeout`)")
            gone = int(re.findall(r"process (\d+)\) has 1 request", server.log())[0])
            server.wait_for(
                lambda: gone not in server.worker_pids and len(server.worker_pids) == workers,
                "the worker was replaced",
            )
        finally:
            stop.set()
            asking.join()
        assert gone in before
        assert [client.read_response().status for client in slow] == [200] * 4
        assert set(results) == {200}
        assert "was killed" not in server.log()
        for client in slow:
            client.close()


def test_a_worker_whose_request_does_not_end_takes_no_new_ones(tmp_path: Path) -> None:
    """Even while the one that takes its place still loads the app."""
    slow_start = tmp_path / "slow"
    (tmp_path / "slowly.py").write_text(
        "import pathlib, time\n"
        f"while pathlib.Path({str(slow_start)!r}).exists():\n    time.sleep(0.05)\n"
        "from hanging import app\n"
    )
    flags = ("--request-timeouts=/lock=300ms", "--request-grace=200ms", "--preload=off")
    env = {"PYTHONPATH": str(APPS)}
    with LiveServer("slowly:app", *flags, directory=tmp_path, workers=2, env=env) as server:
        serving: set[int] = set()

        def both_serve() -> bool:
            serving.add(answer_of(server))
            return len(serving) == 2

        server.wait_for(both_serve, "both workers served")
        slow_start.touch()
        assert status_of(server, "/lock") == 504
        server.wait_for_log("has 1 request that does not end (`request_timeout`)")
        gone = int(re.findall(r"process (\d+)\) has 1 request", server.log())[0])
        server.wait_for(
            lambda: {answer_of(server) for _ in range(100)} == serving - {gone},
            "it stopped accepting",
        )
        slow_start.unlink()
        server.wait_for(
            lambda: gone not in server.worker_pids and len(server.worker_pids) == 2,
            "the worker was replaced",
        )


def test_an_answer_that_has_begun_is_broken_off_and_not_taken_for_whole() -> None:
    with serve(LIMIT, LONG_GRACE) as server:
        with server.client() as client, pytest.raises(Truncated):
            client.get("/half")
        server.wait_for_log("its answer was broken off")
        # To a client of HTTP/1.0, the connection's end is the answer's.
        with server.client() as client:
            client.send(b"GET /half HTTP/1.0\r\n\r\n")
            with pytest.raises(Truncated):
                client.read_response()


def test_pieces_that_come_in_time_go_on_for_longer_than_the_limit() -> None:
    with serve("--request-timeout=800ms") as server, server.client() as client:
        answer = client.get("/pieces?0.3")
        assert (answer.status, answer.body) == (200, b"piece" * 4)
        assert "too long" not in server.log()


def test_a_hang_behind_a_whole_answer_costs_the_connection_only() -> None:
    with serve(LIMIT, LONG_GRACE) as server, server.client() as client:
        assert client.get("/close").body == b"whole"
        client.assert_closed()
        server.wait_for_log("is raised where it is")


def test_a_slow_client_is_not_counted_as_the_app_s_time() -> None:
    with (
        LiveServer(
            "uploading:app", "--request-timeout=500ms", "--body-mode=streamed", directory=APPS
        ) as server,
        server.client() as client,
    ):
        client.send(b"POST /digest HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\nabc")
        time.sleep(1.2)
        client.send(b"def")
        assert client.read_response("POST").status == 200
        assert "too long" not in server.log()


def test_an_upgraded_connection_may_be_idle_for_longer() -> None:
    with (
        LiveServer("sockets_sock:app", "--request-timeout=500ms", directory=APPS) as server,
        WebSocketPeer(server.connect(), "/echo") as peer,
    ):
        time.sleep(1.2)
        peer.send("still here")
        assert peer.receive() == "still here"
        assert "too long" not in server.log()


def test_paths_have_limits_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "uncork.toml").write_text(
        'request_timeout = "500ms"\n[request_timeouts]\n"/sleep" = "1m"\n"/l*" = "unlimited"\n'
    )
    with serve(f"--config={tmp_path / 'uncork.toml'}", LONG_GRACE) as server:
        assert status_of(server, "/sleep?0.8") == 200
        assert status_of(server, "/loop?0.8") == 200
        assert status_of(server, "/c") == 504


def test_over_tls_the_client_gets_the_same_answer(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    flags = (f"--cert={files.certificate}", f"--key={files.key}")
    context = ssl.create_default_context(cafile=str(files.certificate))
    with serve(LIMIT, LONG_GRACE, *flags, is_tls=True) as server:
        for target, status in (("/lock", 504), ("/", 200), ("/loop", 504)):
            secured = context.wrap_socket(server.connect(), server_hostname="localhost")
            with RawClient(secured) as client:
                assert client.get(target).status == status
                if status == 504:
                    client.assert_closed()
        secured = context.wrap_socket(server.connect(), server_hostname="localhost")
        with RawClient(secured) as client, pytest.raises((Truncated, ssl.SSLError)):
            client.get("/half")


def test_a_head_request_gets_no_body_and_a_pipelined_one_no_answer() -> None:
    with serve(LIMIT, LONG_GRACE) as server, server.client() as client:
        client.send(
            b"HEAD /lock HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n"
        )
        assert client.read_response("HEAD").status == 504
        client.assert_closed()


def test_what_was_late_is_logged_under_the_name_that_it_is_told_of_by(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    flags = (f"--access-log={log}", "--access-log-format=json", "--request-ids=all")
    with serve(LIMIT, LONG_GRACE, *flags) as server:
        with server.client() as client:
            shown = client.get("/lock").header("X-Request-ID")
            server.wait_for_log(f", request `{shown}`, has given nothing for too long")
        with server.client() as client, pytest.raises(Truncated):
            client.get("/half", "X-Request-ID: mine")
        server.wait_for_log(", request `mine`, has given nothing for too long")
        server.wait_for(lambda: log.read_bytes().count(b"\n") == 2, "both were logged")
        whole, half = (json.loads(line) for line in log.read_text().splitlines())
        assert (whole["target"], whole["status"], whole["aborted"]) == ("/lock", 504, False)
        assert (whole["request_id"], whole["bytes"] > 20) == (shown, True)
        assert 0.25 < whole["seconds"] < 3.0
        assert (half["target"], half["status"], half["aborted"]) == ("/half", 200, True)
        assert (half["request_id"], half["bytes"]) == ("mine", 5)


def test_with_all_threads_stuck_others_take_their_place() -> None:
    with serve(LIMIT, LONG_GRACE, "--threads=64") as server:
        clients = [server.client(timeout_seconds=8) for _ in range(64)]
        for client in clients:
            client.send(b"GET /lock HTTP/1.1\r\nHost: test\r\n\r\n")
        assert {client.read_response().status for client in clients} == {504}
        begin = time.monotonic()
        assert status_of(server, "/") == 200
        assert time.monotonic() - begin < 4.0
        for client in clients:
            client.close()


def test_an_app_that_ends_just_as_its_time_does_leaves_no_exception_behind() -> None:
    """Each thread goes on to a request that must not be disturbed by the one before."""
    with serve("--request-timeout=20ms", "--threads=4", LONG_GRACE) as server:
        wrong: list[str] = []
        counts = {200: 0, 504: 0}

        def ask() -> None:
            end = time.monotonic() + 3.0
            while time.monotonic() < end:
                with server.client() as client:
                    counts[client.get("/loop?0.0195").status] += 1
                with server.client() as client:
                    status = client.get("/").status
                    if status != 200:
                        wrong.append(f"{status}")

        askers = [threading.Thread(target=ask) for _ in range(2)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert "the application raised" not in server.log()
        assert counts[504] > 0
        # A machine that is busy makes any request late; the exception would be a 500.
        assert set(wrong) <= {"504"}


def test_a_stop_does_not_wait_for_what_is_late() -> None:
    with serve(LIMIT, LONG_GRACE, "--graceful-timeout=60s") as server:
        assert status_of(server, "/lock") == 504
        begin = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begin < 5.0
