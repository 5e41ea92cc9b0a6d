"""The control socket of a real server, and the commands that use it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.live_server import Finished, LiveServer, run_uncork

pytestmark = pytest.mark.slow

APP = """\
import os

def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        print("got /wait", flush=True)
        open("gate").read()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"v1"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder whose name is short: a socket's path has 107 bytes at the most."""
    with TemporaryDirectory(prefix="run-") as folder:
        yield Path(folder)


NOWHERE = {"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": ""}


def uncork(
    *arguments: str, at: LiveServer, env: Mapping[str, str] = NOWHERE, as_nobody: bool = False
) -> Finished:
    """A command for that server; there may be others on the machine."""
    words = [arguments[0], *arguments[1:], str(at.pid)]
    return run_uncork(*words, directory=at.directory, env=env, as_nobody=as_nobody)


def status(server: LiveServer, env: Mapping[str, str] = NOWHERE) -> dict[str, object]:
    done = uncork("status", "--json", at=server, env=env)
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert isinstance(facts, dict)
    return facts


def test_the_status_says_what_runs(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2, env=NOWHERE) as server:
        server.wait_for(
            lambda: [w["state"] for w in status(server)["workers"]] == ["ready"] * 2,
            "both workers served",
        )
        facts = status(server)
        assert (facts["pid"], facts["app"], facts["state"]) == (server.pid, "hello:app", "serving")
        assert facts["listeners"] == [server.url]
        assert {worker["pid"] for worker in facts["workers"]} == set(server.worker_pids)
        assert all(worker["memory"]["resident"] > 1_000_000 for worker in facts["workers"])
        assert facts["last_reload"] is None
        text = uncork("status", at=server).stdout
        assert f"process {server.pid} serves, started " in text
        assert all(str(pid) in text for pid in server.worker_pids)


def test_a_worker_that_was_replaced_is_counted(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        os.kill(server.worker_pid, signal.SIGKILL)
        server.wait_for(lambda: status(server)["restarts"] == {"signal": 1}, "it was counted")


def test_reload_waits_until_the_new_code_serves(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2, env=NOWHERE) as server:
        (folder / "hello.py").write_text(APP.replace("v1", "v2"))
        done = uncork("reload", at=server)
        assert (done.exit_code, done.stdout) == (0, "")
        assert "reloaded: generation 2 serves" in done.stderr
        with server.client() as client:
            assert client.get("/").body == b"v2"
        assert status(server)["last_reload"]["outcome"] == "done"
        assert json.loads(uncork("reload", "--json", at=server).stdout)["generation"] == 3


def test_code_that_fails_is_shown_with_its_traceback(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        (folder / "hello.py").write_text("def f():\n    return {}['nothing']\n\nf()\n")
        done = uncork("reload", at=server)
        assert done.exit_code == 3
        assert done.stderr.startswith(
            "error: the reload failed, and the code from before goes on serving\n"
            "Traceback (most recent call last):\n"
        )
        assert "KeyError: 'nothing'" in done.stderr
        assert status(server)["last_reload"]["error"]["exit_code"] == 3
        assert "failed: `hello` failed with `KeyError`" in uncork("status", at=server).stdout
        with server.client() as client:
            assert client.get("/").body == b"v1"
        told = json.loads(uncork("reload", "--json", at=server).stdout)
        assert "KeyError" in told["error"]["details"]


def test_code_that_kills_its_worker_is_told_by_its_death(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        (folder / "hello.py").write_text("import os\nos.kill(os.getpid(), 11)\n")
        done = uncork("reload", at=server)
        assert done.exit_code == 3
        assert "was killed by SIGSEGV before it served" in done.stderr


def test_code_that_hangs_is_shown_where_it_did(folder: Path) -> None:
    with LiveServer("hello:app", "--boot-timeout=1", directory=folder, env=NOWHERE) as server:
        (folder / "hello.py").write_text("import time\ntime.sleep(60)\n")
        done = uncork("reload", at=server)
        assert done.exit_code == 3
        assert "the app was not loaded within 1 s" in done.stderr
        assert "time.sleep(60)" in done.stderr


def test_a_setting_that_is_wrong_fails_with_2(folder: Path) -> None:
    (folder / "uncork.toml").write_text("threads = 4\n")
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        (folder / "uncork.toml").write_text("threads = 'many'\n")
        done = uncork("reload", at=server)
        assert done.exit_code == 2
        assert "bad value `many` for `threads`" in done.stderr


def test_without_waiting_the_status_says_what_came_of_it(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        assert uncork("reload", "--no-wait", at=server).exit_code == 0
        server.wait_for(
            lambda: (status(server)["last_reload"] or {}).get("outcome") == "done", "it was done"
        )


def test_a_reload_while_the_app_is_loaded_first_is_refused(folder: Path) -> None:
    (folder / "hello.py").write_text("open('gate').read()\n" + APP)
    with LiveServer("hello:app", directory=folder, env=NOWHERE, waits_until_ready=False) as server:
        server.wait_for(lambda: uncork("status", at=server).exit_code == 0, "it could be asked")
        done = uncork("reload", at=server)
        assert (done.exit_code, status(server)["state"]) == (4, "starting")
        assert "still being loaded for the first time" in done.stderr
        (folder / "gate").write_text("open")
        server.wait_until_ready()


def test_stop_waits_for_requests_and_for_the_end(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        ThreadPoolExecutor() as pool,
        server.client() as client,
    ):
        client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        stopping = pool.submit(uncork, "stop", at=server)
        server.wait_for_log("stopping")
        assert not stopping.done()
        (folder / "gate").write_text("open")
        assert client.read_response().body == b"v1"
        done = stopping.result()
        assert (done.exit_code, done.stderr) == (0, f"stopped: process {server.pid} has ended\n")
        assert server.wait() == 0
        assert server.log().endswith("stopped\n")


def test_stop_now_cuts_off_what_runs(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        server.client() as client,
    ):
        client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        assert uncork("stop", "--now", at=server).exit_code == 0
        assert server.wait() == 0


def test_scale_changes_how_many_workers_there_are(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        for words, expected in ((["3"], 3), (["-1"], 2), (["+2"], 4), (["1"], 1)):
            assert uncork("scale", *words, at=server).exit_code == 0
            server.wait_for(
                lambda expected=expected: len(server.worker_pids) == expected,
                f"there were {expected} workers",
            )
            shown = uncork("status", at=server).stdout
            assert ("(as it was scaled to)" in shown) is (expected != 1)
        done = uncork("scale", "-1", at=server)
        assert (done.exit_code, "there can't be 0 workers" in done.stderr) == (2, True)


def test_two_servers_are_told_apart_and_listed(folder: Path) -> None:
    (folder / "other.py").write_text(APP)
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as one,
        LiveServer("other:app", directory=folder, env=NOWHERE) as other,
    ):
        done = run_uncork("status", directory=folder, env=NOWHERE)
        assert done.exit_code == 2
        assert f"  {one.pid}  `hello:app` in {folder}\n" in done.stderr
        assert f"  {other.pid}  `other:app` in {folder}\n" in done.stderr
        assert status(one)["app"] == "hello:app"
        assert status(other)["app"] == "other:app"


def test_a_server_that_is_not_there_is_told_so(folder: Path) -> None:
    done = run_uncork("status", "4194305", directory=folder, env=NOWHERE)
    assert done.exit_code == 4
    assert done.stderr.startswith("error: no server `4194305` was found\n")
    done = run_uncork("status", "--control", "nothing.sock", directory=folder, env=NOWHERE)
    assert done.exit_code == 4
    assert "cause: there is no such socket" in done.stderr


def test_another_user_is_refused(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a command as somebody else")
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        # Whoever has no business there finds no server that may be asked.
        done = uncork("stop", at=server, as_nobody=True)
        assert done.exit_code == 4
        assert "only root and that user may ask" in done.stderr
        place = str(status(server)["control"])
        done = run_uncork("stop", "--control", place, directory=folder, env=NOWHERE, as_nobody=True)
        assert done.exit_code == 4
        assert "only that user and root may ask" in done.stderr
        assert server.is_running


def test_the_server_s_own_user_and_root_are_not_refused(folder: Path) -> None:
    folder.chmod(0o755)
    with LiveServer("hello:app", directory=folder, env=NOWHERE, as_nobody=True) as server:
        assert uncork("status", at=server, as_nobody=True).exit_code == 0
        assert uncork("status", at=server).exit_code == 0


@pytest.mark.parametrize("name", ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"])
def test_the_socket_lies_in_the_runtime_folder_and_goes_with_the_server(
    folder: Path, runtime: Path, name: str
) -> None:
    env = {**NOWHERE, name: str(runtime)}
    place = runtime if name == "RUNTIME_DIRECTORY" else runtime / "uncork"
    with LiveServer("hello:app", directory=folder, env=env) as server:
        (file,) = place.iterdir()
        assert status(server)["control"] == str(file)  # found without the variable too
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert status(server, env)["pid"] == server.pid
    assert list(place.iterdir()) == []


def test_a_stale_socket_is_replaced_and_a_live_one_left_alone(folder: Path, runtime: Path) -> None:
    env = {**NOWHERE, "RUNTIME_DIRECTORY": str(runtime)}
    stale = runtime / "uncork-4194304.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    with (
        LiveServer("hello:app", directory=folder, env=env) as one,
        LiveServer("hello:app", directory=folder, env=env) as other,
    ):
        assert {path.name for path in runtime.iterdir()} == {
            f"uncork-{one.pid}.sock",
            f"uncork-{other.pid}.sock",
        }
        assert status(one)["pid"] == one.pid
    assert list(runtime.iterdir()) == []


@pytest.mark.parametrize("wrong", ["/nowhere/at/all", "/proc", "relative"])
def test_for_want_of_a_place_nothing_is_said(folder: Path, wrong: str) -> None:
    env = {"RUNTIME_DIRECTORY": wrong, "XDG_RUNTIME_DIR": wrong}
    with LiveServer("hello:app", directory=folder, env=env) as server:
        assert "control" not in server.log()
        assert wrong not in server.log()
        assert str(status(server)["control"]).startswith("@uncork/control/")


def test_a_path_of_one_s_own_is_used_and_found_where_it_is_set(folder: Path) -> None:
    (folder / "uncork.toml").write_text("control = 'control.sock'\n")
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        done = run_uncork("status", "--json", directory=folder, env=NOWHERE)
        assert json.loads(done.stdout)["pid"] == server.pid
        done = run_uncork("status", "--control=control.sock", directory=folder, env=NOWHERE)
        assert done.exit_code == 0
        second = run_uncork("serve", "hello:app", "--bind=127.0.0.1:0", directory=folder)
        assert second.exit_code == 4
        assert "control.sock" in second.stderr
        assert run_uncork("status", directory=folder).exit_code == 0
    assert not (folder / "control.sock").exists()


def test_without_a_socket_nothing_can_be_asked(folder: Path, runtime: Path) -> None:
    env = {**NOWHERE, "RUNTIME_DIRECTORY": str(runtime)}
    with LiveServer("hello:app", "--control=none", directory=folder, env=env) as server:
        assert uncork("status", at=server).exit_code == 4
        assert list(runtime.iterdir()) == []


def test_the_socket_is_left_out_of_the_app_and_what_it_starts(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        inode = next(
            line.split()[6]
            for line in Path("/proc/net/unix").read_text().splitlines()
            if line.endswith(f"@uncork/control/{server.pid}")
        )
        links = [str(path.readlink()) for path in Path(f"/proc/{server.worker_pid}/fd").iterdir()]
        assert f"socket:[{inode}]" not in links


def test_silent_and_vanishing_clients_hold_up_nobody(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        address = "\0" + str(status(server)["control"])[1:]
        clients = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        try:
            for number, client in enumerate(clients):
                client.connect(address)
                client.sendall(b'{"uncork": 1, "comm'[: number % 20])
                if number % 3 == 0:
                    client.close()
            assert status(server)["pid"] == server.pid
            with server.client() as client:
                assert client.get("/").body == b"v1"
        finally:
            for client in clients:
                client.close()


def test_a_server_that_goes_in_the_middle_is_told_so(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE, exit_code=-9) as server,
        ThreadPoolExecutor() as pool,
    ):
        (folder / "hello.py").write_text("open('gate').read()\n")
        reloading = pool.submit(uncork, "reload", at=server)
        server.wait_for_log("reloading")
        os.kill(server.pid, signal.SIGKILL)
        done = reloading.result()
        assert done.exit_code == 4
        assert "error: the server has gone" in done.stderr


STUCK = """\
import ctypes, threading, time

def mine():
    time.sleep(600)

threading.Thread(target=mine, name="mine", daemon=True).start()

def app(environ, start_response):
    if environ["PATH_INFO"] == "/gil":
        print("got /gil", flush=True)
        ctypes.PyDLL(None).sleep(600)  # with the GIL
    if environ["PATH_INFO"] == "/wait":
        print("got /wait", flush=True)
        open("gate").read()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"v1"]
"""


def test_the_stacks_show_where_each_thread_is(folder: Path) -> None:
    (folder / "hello.py").write_text(STUCK)
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        server.client() as client,
    ):
        client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        text = uncork("stacks", at=server).stdout
        assert text.startswith(f"worker process {server.worker_pid}\n\napp thread")
        assert '    open("gate").read()\n' in text
        assert "\nmine\n" in text
        assert "MainThread" not in text
        assert "MainThread" in uncork("stacks", "--verbose", at=server).stdout
        (worker,) = json.loads(uncork("stacks", "--json", at=server).stdout)["workers"]
        assert worker["told_by"] == "worker"
        assert {each["role"] for each in worker["threads"]} == {"app", "other", "own"}
        (folder / "gate").write_text("open")
        assert client.read_response().status == 200


def test_a_worker_stuck_in_c_is_shown_all_the_same(folder: Path) -> None:
    (folder / "hello.py").write_text(STUCK)
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        server.client() as client,
    ):
        client.send(b"GET /gil HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /gil")
        worker = server.worker_pid
        for _ in range(2):
            text = uncork("stacks", at=server).stdout
            assert "did not answer: something holds its interpreter" in text
            assert f'File "{folder}/hello.py", line 11, in app' in text
        os.kill(worker, signal.SIGKILL)
        server.wait_for_log("was killed by SIGKILL")


def test_a_worker_that_was_stopped_is_told_to_be(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        os.kill(server.worker_pid, signal.SIGSTOP)
        assert "it was stopped, by SIGSTOP" in uncork("stacks", at=server).stdout
        os.kill(server.worker_pid, signal.SIGCONT)
        server.wait_for(
            lambda: "no thread is in the app" in uncork("stacks", at=server).stdout,
            "it answered again",
        )
        with server.client() as client:
            assert client.get("/").body == b"v1"


def test_an_app_that_hangs_while_it_is_loaded_is_shown(folder: Path) -> None:
    (folder / "hello.py").write_text("open('gate').read()\n" + APP)
    with LiveServer("hello:app", directory=folder, env=NOWHERE, waits_until_ready=False) as server:
        server.wait_for(
            lambda: "open('gate').read()" in uncork("stacks", at=server).stdout, "it was shown"
        )
        (folder / "gate").write_text("open")
        server.wait_until_ready()


def test_the_requests_that_run_are_listed_the_longest_first(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, workers=2, env=NOWHERE) as server,
        server.client() as first,
        server.client() as second,
    ):
        assert uncork("requests", at=server).stdout == "no request runs\n"
        for client, path in ((first, "/wait?a=1"), (second, "/wait?b=" + "x" * 200)):
            client.send(f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n".encode())
            server.wait_for(
                lambda path=path: path[:128] in uncork("requests", at=server).stdout, "it was shown"
            )
        told = json.loads(uncork("requests", "--json", at=server).stdout)
        one, other = told["requests"]
        assert (one["method"], one["path"], one["client"]) == ("POST", "/wait?a=1", "127.0.0.1")
        assert (one["state"], one["is_cut"], other["is_cut"]) == ("app", False, True)
        assert one["seconds"] > other["seconds"] > 0
        assert {one["pid"], other["pid"]} <= set(server.worker_pids)
        assert told["queue"] == 0
        lines = uncork("requests", at=server).stdout.splitlines()
        assert lines[0].split() == ["Seconds", "State", "Process", "Client", "Method", "Path"]
        assert lines[2].endswith(f"  app    {one['pid']:<7}  127.0.0.1  POST    /wait?a=1")
        assert lines[3].endswith("x…")
        of_one = uncork("requests", "--json", "--worker", str(one["pid"]), at=server)
        assert all(each["pid"] == one["pid"] for each in json.loads(of_one.stdout)["requests"])
        assert uncork("requests", "--worker", "1", at=server).exit_code == 2
        with (folder / "gate").open("w") as gate:
            gate.write("open")
        assert (first.read_response().status, second.read_response().status) == (200, 200)
        server.wait_for(
            lambda: uncork("requests", at=server).stdout == "no request runs\n", "they had ended"
        )


def test_the_status_counts_what_was_done_and_what_runs(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        with server.client() as client:
            assert client.get("/").status == 200
            client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for_log("got /wait")
            server.wait_for(lambda: status(server)["load"]["requests"] == 1, "it was counted")
            facts = status(server)
            load = facts["load"]
            assert (load["running"], load["busy_threads"], load["connections"]) == (1, 1, 1)
            assert (load["errors"], load["aborted"], load["queue"]) == (0, 0, 0)
            assert facts["workers"][0]["load"] == load
            text = uncork("status", at=server).stdout
            assert "1 request answered, 1 running; 1 of " in text
            assert text.rstrip().splitlines()[-3].split()[5:10] == [
                *("Requests", "Running", "Threads", "Queue", "Connections"),
            ]
            (folder / "gate").write_text("open")
            assert client.read_response().status == 200
        os.kill(server.worker_pid, signal.SIGKILL)
        server.wait_for(lambda: status(server)["restarts"] == {"signal": 1}, "it was replaced")
        assert status(server)["load"]["requests"] == 2


def test_the_stacks_say_what_each_thread_serves(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        server.client() as client,
    ):
        client.send(b"GET /wait?for=it HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        (worker,) = json.loads(uncork("stacks", "--json", at=server).stdout)["workers"]
        (request,) = [each["request"] for each in worker["threads"] if each["request"]]
        assert (request["method"], request["path"]) == ("GET", "/wait?for=it")
        assert " s in GET /wait?for=it\n  File " in uncork("stacks", at=server).stdout
        (folder / "gate").write_text("open")
        assert client.read_response().status == 200


HOLDS_THE_INTERPRETER = """\
import ctypes
lock, library = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
library.pthread_mutex_lock(lock)
library.pthread_mutex_lock(lock)  # which no signal ends
"""


@pytest.mark.timeout(60)
def test_an_app_that_holds_the_interpreter_while_it_is_loaded_is_shown_and_killed(
    folder: Path,
) -> None:
    with LiveServer("hello:app", "--boot-timeout=1", directory=folder, env=NOWHERE) as server:
        (folder / "hello.py").write_text(HOLDS_THE_INTERPRETER)
        assert uncork("reload", "--no-wait", at=server).exit_code == 0
        server.wait_for_log("error: the app was not loaded within 1 s")
        server.wait_for_log("was killed by SIGKILL before it served")
        where = f'File "{folder}/hello.py", line 4, in <module>'
        assert where in server.log()
        error = status(server)["last_reload"]["error"]
        assert where in error["details"]
        assert "something holds its interpreter" in error["cause"]
        with server.client() as client:
            assert client.get("/").body == b"v1"


@pytest.mark.timeout(30)
def test_a_reload_ends_when_the_new_generation_is_never_whole(folder: Path) -> None:
    arguments = ("hello:app", "--preload=off")
    with LiveServer(*arguments, directory=folder, workers=2, env=NOWHERE) as server:
        # One that is still to load the code would load the new one.
        server.wait_for(
            lambda: [each["state"] for each in status(server)["workers"]] == ["ready"] * 2,
            "both workers served",
        )
        broken = "import os\nos.mkdir('only-once')\n" + APP.replace("v1", "v2")
        (folder / "hello.py").write_text(broken)
        done = uncork("reload", at=server)
        assert done.exit_code == 3
        assert "FileExistsError" in done.stderr
        facts = status(server)
        assert (facts["last_reload"]["outcome"], facts["generation"]) == ("failed", 1)
        # The new worker that did serve may take some more until it has heard that it is to end.
        server.wait_for(lambda: len(server.worker_pids) == 2, "the new workers were gone")
        with server.client() as client:
            assert client.get("/").body == b"v1"


def test_during_the_drain_delay_the_status_says_that_it_stops(folder: Path) -> None:
    with LiveServer("hello:app", "--drain-delay=60", directory=folder, env=NOWHERE) as server:
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping in 60 s")
        assert status(server)["state"] == "stopping"
        assert f"process {server.pid} is stopping" in uncork("status", at=server).stdout
        with server.client() as client:
            assert client.get("/").body == b"v1"
        server.send_signal(signal.SIGQUIT)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("has_folder", [False, True])
def test_after_a_restart_the_socket_is_there_again(
    folder: Path, runtime: Path, has_folder: bool
) -> None:
    env = {**NOWHERE, "RUNTIME_DIRECTORY": str(runtime)} if has_folder else NOWHERE
    with LiveServer("hello:app", directory=folder, env=env) as server:
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("reloaded: generation 2 serves")
        facts = status(server, env)
        place = f"{runtime}/uncork-{{}}.sock" if has_folder else "@uncork/control/{}"
        assert facts["control"] == place.format(server.pid)
        assert facts["generation"] == 2
        assert uncork("reload", at=server, env=env).exit_code == 0
    assert list(runtime.iterdir()) == []
