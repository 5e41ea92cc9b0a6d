"""A restart (USR2): the supervisor becomes another program, and no client sees anything of it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import uncork
from tests.e2e.test_reload import code, steady_client, version
from tests.support.live_server import LiveServer
from tests.support.processes import count_descriptors
from tests.support.service_manager import Manager, activated

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(code("old"))
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def restart(server: LiveServer, generation: int) -> None:
    server.send_signal(signal.SIGUSR2)
    server.wait_for_log(f"reloaded: generation {generation} serves")


def own_copy(folder: Path) -> Path:
    """A copy of uncork's Python part that a test may change; takes the native core along."""
    package = folder / "copy" / "uncork"
    shutil.copytree(Path(uncork.__path__[0]), package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def with_copy(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(folder / "copy"), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("keeps_alive", [False, True])
def test_five_restarts_under_load_lose_no_request(folder: Path, keeps_alive: bool) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        server.wait_for(lambda: len(server.worker_pids) == 2, "two workers were started")
        pid, old = server.pid, server.worker_pids
        with (
            steady_client(server, keeps_alive=keeps_alive) as one,
            steady_client(server, keeps_alive=not keeps_alive) as other,
        ):
            for number in range(5):
                (folder / "hello.py").write_text(code("new" * (number + 1)))
                restart(server, number + 2)
            server.wait_for(lambda: "new" * 5 in one.bodies, "the newest code answered")
        assert one.failures + other.failures == []
        server.wait_for(lambda: len(server.worker_pids) == 2, "the old workers had ended")
        assert not set(old) & set(server.worker_pids)
        assert server.pid == pid
        server.wait_for(lambda: version(server) == "new" * 5, "the newest code answered")


def test_a_restart_keeps_what_the_server_was_scaled_to_and_a_reload_does_not(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        server.send_signal(signal.SIGTTIN)
        server.wait_for(lambda: len(server.worker_pids) == 2, "a second worker was started")
        for generation in (2, 3):
            restart(server, generation)
            server.wait_for(lambda: len(server.worker_pids) == 2, "the old workers had ended")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 4 serves")
        server.wait_for(lambda: len(server.worker_pids) == 1, "the settings' number was left")


def test_descriptors_are_after_restarts_where_they_were(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        assert version(server) == "old"
        server.wait_for(lambda: server.count_connections() == 0, "the connection was closed")
        before = count_descriptors(server)
        for number in range(3):
            restart(server, number + 2)
            server.wait_for(lambda: len(server.worker_pids) == 1, "the old worker had ended")
        server.wait_for(lambda: count_descriptors(server) == before, "as many were open")


def test_what_runs_is_another_program_then(folder: Path) -> None:
    package = own_copy(folder)
    with LiveServer("hello:app", directory=folder, env=with_copy(folder)) as server:
        said = package / "supervisor" / "fleet.py"
        said.write_text(said.read_text().replace("reloaded: generation", "mended: generation"))
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("mended: generation 2 serves")
        assert version(server) == "old"


def test_a_request_that_runs_is_finished_by_the_old_worker(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        running.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        (folder / "hello.py").write_text(code("another"))
        restart(server, 2)
        restart(server, 3)
        (folder / "gate").write_text("open")
        assert running.read_response().body == b"old"
        server.wait_for(lambda: version(server) == "another", "the new code answered")


@pytest.mark.parametrize(
    ("file", "broken"),
    [
        ("__main__.py", "raise RuntimeError('not today')\n"),
        ("supervisor/starting.py", "import no_such_module\n"),
        ("worker.py", "(\n"),
        ("cli/__init__.py", "import os\nos.kill(os.getpid(), 9)\n"),
    ],
)
def test_a_program_that_does_not_start_changes_nothing(
    folder: Path, file: str, broken: str
) -> None:
    package = own_copy(folder)
    with LiveServer("hello:app", directory=folder, env=with_copy(folder)) as server:
        worker, whole = server.worker_pid, (package / file).read_text()
        (package / file).write_text(broken)
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("error: the restart failed, and nothing has changed")
        assert version(server) == "old"
        assert server.worker_pid == worker
        (package / file).write_text(whole)
        restart(server, 2)


def test_settings_that_cannot_be_read_change_nothing(folder: Path) -> None:
    settings = folder / "uncork.toml"
    settings.write_text("threads = 4\n")
    with LiveServer("hello:app", directory=folder) as server:
        old = server.worker_pid
        settings.write_text("threads = 'many'\n")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("error: the restart failed")
        assert "bad value `many` for `threads`" in server.log()
        assert (version(server), server.worker_pid) == ("old", old)


def test_code_that_does_not_load_leaves_the_old_workers_serving(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        old = server.worker_pid
        (folder / "hello.py").write_text("raise RuntimeError('not today')\n")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("error: the reload failed, and nothing has changed")
        assert "RuntimeError: not today" in server.log()
        assert (version(server), server.worker_pid) == ("old", old)
        (folder / "hello.py").write_text(code("mended"))
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 3 serves")
        server.wait_for(lambda: version(server) == "mended", "the new code answered")


def test_an_old_worker_that_dies_meanwhile_is_noticed(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        (folder / "hello.py").write_text("raise RuntimeError('not today')\n")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("error: the reload failed")
        (folder / "hello.py").write_text(code("mended"))
        os.kill(server.worker_pid, signal.SIGKILL)
        server.wait_for_log("was killed by SIGKILL; another one takes its place")
        assert version(server) == "mended"


def test_a_unix_socket_is_kept_and_removed_at_the_end(folder: Path) -> None:
    path = folder / "hello.sock"
    with LiveServer("hello:app", directory=folder, sockets=0, binds=[f"unix:{path}"]) as server:
        inode = path.stat().st_ino
        restart(server, 2)
        assert path.stat().st_ino == inode
        assert version(server) == "old"


def test_where_a_script_wanted_to_be_served_is_kept(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import hello\n"
        "from wsgiref.simple_server import make_server\n"
        "if __name__ == '__main__':\n"
        "    print('run', flush=True)\n"
        "    make_server('127.0.0.1', 0, hello.app).serve_forever()\n"
    )
    with LiveServer("script.py", directory=folder, sockets=0) as server:
        (url,) = server.announced_urls
        server.addresses = [("127.0.0.1", int(url.rpartition(":")[2]))]
        restart(server, 2)
        assert version(server) == "old"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_at_any_moment_of_a_restart_ends_with_0(
    folder: Path, number: signal.Signals
) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("reloading: generation 2 is tried")
        assert server.stop(number) == 0
    with LiveServer("hello:app", directory=folder) as server:
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("restarting")
        assert server.stop(number) == 0


def test_a_restart_while_the_app_is_loaded_is_answered_and_nothing_happens(folder: Path) -> None:
    (folder / "slow.py").write_text("open('gate').read()\nfrom hello import app\n")
    with LiveServer("slow:app", directory=folder, waits_until_ready=False) as server:
        server.wait_for(lambda: bool(server.worker_pids), "the worker was started")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("note: no restart (USR2): the app is still being loaded")
        (folder / "gate").write_text("open")
        server.wait_until_ready()


def test_an_address_that_was_changed_takes_a_new_start(folder: Path) -> None:
    settings = folder / "uncork.toml"
    settings.write_text("backlog = 100\n")
    with LiveServer("hello:app", directory=folder) as server:
        settings.write_text("backlog = 200\n")
        restart(server, 2)
        assert "warning: a restart does not change `backlog`: that takes" in server.log()


def test_the_service_manager_is_told_as_of_a_reload(folder: Path) -> None:
    with (
        Manager(str(folder / "notify")) as manager,
        LiveServer("hello:app", directory=folder, env=manager.env) as server,
    ):
        manager.wait_for_line("READY=1")
        for generation in (2, 3):
            restart(server, generation)
            assert manager.wait_for_line("RELOADING=1").pid == server.pid
            assert manager.wait_for_line("READY=1").values["MAINPID"] == str(server.pid)


def test_listeners_of_a_service_manager_are_kept(folder: Path) -> None:
    arguments = ("hello:app", "--bind=fd://web")
    wrap = activated("other", "web")
    with LiveServer(*arguments, directory=folder, sockets=0, wrap=wrap) as server:
        _, port = map(int, (folder / "ports").read_text().split())
        server.addresses = [("127.0.0.1", port)]
        for generation in (2, 3):
            restart(server, generation)
            assert version(server) == "old"
            assert "does not change" not in server.log()


def test_another_interpreter_may_take_the_place_of_this_one(folder: Path) -> None:
    link = folder / "python"
    link.symlink_to(sys.executable)

    def wrap(command: Sequence[str]) -> list[str]:
        return [str(link), *command[1:]]

    path = os.pathsep.join(each for each in sys.path if each)
    env = {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    with LiveServer("hello:app", directory=folder, env=env, wrap=wrap) as server:
        log = folder / "started"
        link.unlink()
        link.write_text(f'#!/bin/sh\necho "$0" >> {log}\nexec {sys.executable} "$@"\n')
        link.chmod(0o755)
        restart(server, 2)
        assert log.read_text().split() == [str(link)] * 2  # the check, then the program itself
        assert version(server) == "old"
