"""`/livez` and `/readyz` tell the truth at every moment of a server's life."""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.admin_client import ADMIN, AdminClient
from tests.support.live_server import LiveServer, run_uncork
from tests.support.raw_client import RawClient
from tests.support.roots import needs_root, open_to_all

pytestmark = pytest.mark.slow

APP = """\
import os, time

if os.path.exists("boot"):
    open("boot").read()

def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        print("got /wait", flush=True)
        open("gate").read()
    if environ["PATH_INFO"] == "/stuck":
        print("got /stuck", flush=True)
        while not os.path.exists("free"):
            time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hi"]
"""
WAIT = b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def test_while_the_application_is_loaded_the_server_lives_and_is_not_ready(folder: Path) -> None:
    os.mkfifo(folder / "boot")
    with LiveServer("hello:app", ADMIN, directory=folder, waits_until_ready=False) as server:
        admin = AdminClient(server)
        assert admin.get("/livez").body == b"ok\n"
        assert admin.why_not() == "not ready: the application is being loaded\n"
        assert admin.metrics()['uncork_workers{state="booting"}'] == 1
        (folder / "boot").write_text("go")
        server.wait_until_ready()
        assert admin.get("/readyz").body == b"ready\n"


def test_when_every_thread_is_stuck_in_the_application_the_answers_come_all_the_same(
    folder: Path,
) -> None:
    with LiveServer("hello:app", ADMIN, "--threads=2", directory=folder) as server:
        admin = AdminClient(server)
        with ExitStack() as stack:
            stuck = [stack.enter_context(server.client()) for _ in range(4)]
            for client in stuck:
                client.send(b"GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for(lambda: server.log().count("got /stuck") == 2, "both were stuck")
            assert admin.is_up("/livez")
            assert admin.is_up("/readyz")
            (folder / "free").touch()
            for client in stuck:
                assert client.read_response().body == b"hi"


def test_from_the_wish_to_stop_until_the_last_worker_has_ended_it_lives_and_is_not_ready(
    folder: Path,
) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server, server.client() as running:
        admin = AdminClient(server)
        running.send(WAIT)
        server.wait_for_log("got /wait")
        server.send_signal(signal.SIGTERM)
        server.wait_for(lambda: not admin.is_up(), "readiness ended")
        assert admin.why_not() == "not ready: the server is draining\n"
        assert admin.is_up("/livez")
        (folder / "gate").write_text("open")
        assert running.read_response().body == b"hi"
        assert server.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            admin.connect()


def test_during_the_drain_delay_it_is_not_ready_and_the_app_still_answers(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, "--drain-delay=60", directory=folder) as server:
        admin = AdminClient(server)
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping in 60 s")
        assert admin.why_not() == "not ready: the server is draining\n"
        assert admin.is_up("/livez")
        with server.client() as client:
            assert client.get("/").body == b"hi"
        server.send_signal(signal.SIGQUIT)


@pytest.mark.timeout(60)
def test_a_restart_keeps_the_listener_and_refuses_nobody(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        for generation in (2, 3):
            before = admin.admin_pid()
            server.send_signal(signal.SIGUSR2)
            while f"reloaded: generation {generation} serves" not in server.log():
                assert admin.is_up("/livez")
            assert admin.is_up("/readyz")
            assert admin.admin_pid() != before
            assert admin.metrics()["uncork_generation"] == generation


@pytest.mark.timeout(30)
def test_an_admin_process_that_hangs_holds_up_no_restart(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        os.kill(admin.admin_pid(), signal.SIGSTOP)
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("reloaded: generation 2 serves")
        assert admin.is_up("/livez")


def test_a_signal_that_goes_to_all_processes_does_not_end_it_before_the_workers(
    folder: Path,
) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server, server.client() as running:
        admin = AdminClient(server)
        running.send(WAIT)
        server.wait_for_log("got /wait")
        os.killpg(server.pid, signal.SIGTERM)
        server.wait_for(lambda: not admin.is_up(), "readiness ended")
        assert admin.is_up("/livez")
        (folder / "gate").write_text("open")
        assert running.read_response().body == b"hi"


def test_a_reload_that_fails_leaves_it_ready_and_dead_workers_of_a_broken_app_do_not(
    folder: Path,
) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        (folder / "hello.py").write_text("raise RuntimeError('not today')\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("the reload failed")
        assert admin.is_up()
        # What serves is killed, and what would take its place does not load any more.
        (worker,) = admin.pids("worker")
        os.kill(worker, signal.SIGKILL)
        server.wait_for(lambda: not admin.is_up(), "readiness ended")
        assert admin.why_not() == "not ready: no worker is ready\n"
        assert admin.is_up("/livez")
        (folder / "hello.py").write_text(APP)
        server.wait_for(admin.is_up, "a worker was ready again")


def test_a_supervisor_that_is_stopped_is_not_alive_and_is_again_when_it_goes_on(
    folder: Path,
) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        server.send_signal(signal.SIGSTOP)
        try:
            server.wait_for(lambda: not admin.is_up("/livez"), "it was not alive")
            assert "the supervisor has not answered for" in admin.why_not("/livez")
            assert "the supervisor has not answered for" in admin.why_not("/readyz")
        finally:
            server.send_signal(signal.SIGCONT)
        server.wait_for(lambda: admin.is_up("/livez"), "it lives")
        assert admin.is_up()


def test_an_admin_process_that_is_killed_is_replaced_and_no_worker_notices(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        killed, workers = admin.admin_pid(), admin.pids("worker")
        os.kill(killed, signal.SIGKILL)
        server.wait_for_log(f"the admin process (process {killed}) was killed by SIGKILL")
        assert admin.is_up()  # on the same socket: whoever connects meanwhile waits
        assert admin.admin_pid() != killed
        assert admin.pids("worker") == workers


def test_it_does_not_outlive_a_supervisor_that_is_killed(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder, exit_code=-signal.SIGKILL) as server:
        assert AdminClient(server).is_up("/livez")
        server.send_signal(signal.SIGKILL)
        server.wait()  # until nobody has the log open any more; nothing may be left then


def test_a_reload_keeps_it(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        pid = admin.admin_pid()
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2 serves")
        assert admin.admin_pid() == pid
        assert admin.metrics()["uncork_generation"] == 2


def test_whoever_sends_or_takes_slowly_is_in_nobody_s_way(folder: Path) -> None:
    with (
        LiveServer("hello:app", ADMIN, directory=folder) as server,
        ExitStack() as stack,
    ):
        admin = AdminClient(server)
        for _ in range(40):
            slow = stack.enter_context(admin.connect())
            slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: te")
            deaf = stack.enter_context(admin.connect())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n" * 50)
        assert admin.is_up("/livez")
        assert admin.is_up("/readyz")
        assert admin.metrics()["uncork_ready"] == 1


def test_on_a_unix_socket(folder: Path) -> None:
    path = folder / "admin.sock"
    with LiveServer("hello:app", f"--admin=unix:{path}", directory=folder) as server:
        assert f"health and metrics on unix:{path}" in server.log()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5.0)
        connection.connect(str(path))
        with RawClient(connection) as client:
            assert client.get("/readyz").body == b"ready\n"
        server.stop()
        assert not path.exists()


def test_an_address_that_is_taken_is_told_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        finished = run_uncork(
            "serve", "hello:app", "--bind=127.0.0.1:0", f"--admin={address}", directory=folder
        )
    assert finished.exit_code == 4
    error, cause, hint = finished.stderr.splitlines()
    assert error == f"error: could not listen on `{address}`: the address is in use"
    assert cause.startswith("cause: process ")
    assert "--admin 127.0.0.1:" in hint


def test_without_the_setting_there_is_no_such_process(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        assert len(server.worker_pids) == 1
        assert "health and metrics" not in server.log()


def test_a_restart_keeps_the_address_and_has_a_new_process(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        address, pid = admin.address, admin.admin_pid()
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("reloaded: generation 2 serves")
        assert admin.address == address
        assert admin.is_up()  # whoever connects while there is no process waits
        assert admin.admin_pid() != pid
        assert admin.metrics()["uncork_generation"] == 2


def test_a_restart_that_fails_leaves_it_as_it_was(folder: Path) -> None:
    with LiveServer(
        "hello:app", ADMIN, "--config=uncork.toml", directory=with_settings(folder)
    ) as server:
        admin = AdminClient(server)
        pid = admin.admin_pid()
        (folder / "uncork.toml").write_text("nonsense = 1\n")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("the restart failed")
        assert admin.is_up()
        assert admin.admin_pid() == pid


def with_settings(folder: Path) -> Path:
    (folder / "uncork.toml").write_text("threads = 4\n")
    return folder


def test_it_gives_up_root_s_rights_too(folder: Path) -> None:
    needs_root()
    wrap = partial(open_to_all, folder=folder)
    with LiveServer("hello:app", ADMIN, "--user=nobody", directory=folder, wrap=wrap) as server:
        admin = AdminClient(server)
        status = Path(f"/proc/{admin.admin_pid()}/status").read_text()
        (ids,) = re.findall(r"^Uid:\t(.*)$", status, re.MULTILINE)
        assert set(ids.split()) == {str(pwd.getpwnam("nobody").pw_uid)}
        assert admin.is_up()
        assert len(admin.pids("worker")) == 1
