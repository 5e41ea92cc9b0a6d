"""`uncork.once`: one worker of a server is elected, and another one when that one has ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer

pytestmark = pytest.mark.slow

APP = """\
import os, uncork

@uncork.once("scheduler")
def start():
    os.write(1, f"{os.getpid()} runs the scheduler\\n".encode())

def app(environ, start_response):
    if environ["PATH_INFO"] == "/mine":
        body = str(bool(uncork.once("clean-up"))).encode()
    else:
        body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def elected(server: LiveServer) -> list[int]:
    """Those that have run the function, in their order."""
    return [int(pid) for pid in re.findall(r"^(\d+) runs the scheduler$", server.log(), re.M)]


def wait_for_workers(server: LiveServer, number: int) -> None:
    server.wait_for(lambda: len(server.worker_pids) == number, f"there were {number} workers")


def test_the_function_is_called_in_one_worker_of_several(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=3) as server:
        server.wait_for(lambda: len(elected(server)) > 0, "one was elected")
        wait_for_workers(server, 3)
        assert len(elected(server)) == 1
        assert elected(server)[0] in server.worker_pids


def test_when_it_dies_another_one_that_serves_already_is_elected(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        wait_for_workers(server, 2)
        before = set(server.worker_pids)
        for count in range(1, 3):
            server.wait_for(lambda n=count: len(elected(server)) == n, f"{count} were elected")
            os.kill(elected(server)[-1], signal.SIGKILL)
            server.wait_for(lambda n=count: len(elected(server)) == n + 1, "another was elected")
        first, second, _ = elected(server)
        assert first in before
        assert first != second


def test_during_a_reload_the_new_code_gets_it_when_the_old_holder_has_ended(folder: Path) -> None:
    (folder / "hello.py").write_text(
        APP + "\nimport atexit, time\natexit.register(lambda: os.write(1, b'old ends\\n'))\n"
    )
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        server.wait_for(lambda: len(elected(server)) == 1, "one was elected")
        (folder / "hello.py").write_text(APP)
        server.send_signal(signal.SIGHUP)
        server.wait_for(lambda: len(elected(server)) == 2, "one of the new ones was elected")
        ends = [place.start() for place in re.finditer("old ends", server.log())]
        assert ends
        assert ends[0] < server.log().index(f"{elected(server)[1]} runs the scheduler")


def test_during_a_restart_of_the_supervisor_there_are_never_two(folder: Path) -> None:
    (folder / "hello.py").write_text(
        APP + "\nimport atexit, time\natexit.register(lambda: os.write(1, b'old ends\\n'))\n"
    )
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: len(elected(server)) == 1, "it was elected")
        (folder / "hello.py").write_text(APP)
        server.send_signal(signal.SIGUSR2)
        server.wait_for(lambda: len(elected(server)) == 2, "the new one was elected")
        new = server.log().index(f"{elected(server)[1]} runs the scheduler")
        assert 0 < server.log().index("old ends") < new


def test_a_reload_that_fails_takes_the_name_from_nobody(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: len(elected(server)) == 1, "one was elected")
        (folder / "hello.py").write_text(APP + "\ndef app(environ, start_response): 1 / 0\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("the reload failed")
        assert elected(server) == [server.worker_pid]


def test_a_condition_is_true_in_one_worker_only(folder: Path) -> None:
    def answers(server: LiveServer) -> dict[int, str]:
        found: dict[int, str] = {}

        def are_there() -> bool:
            with server.client() as client:
                pid = int(client.get("/").body)
                found[pid] = client.get("/mine").body.decode()
            return len(found) == 2

        server.wait_for(are_there, "both workers answered")
        return found

    with LiveServer("hello:app", directory=folder, workers=2) as server:
        first = answers(server)
        assert sorted(first.values()) == ["False", "True"]
        assert answers(server) == first
        holder = next(pid for pid, answer in first.items() if answer == "True")
        os.kill(holder, signal.SIGKILL)
        server.wait_for_log(f"(process {holder}) was killed")
        with server.client() as client:
            assert client.get("/mine").body == b"True"


def test_a_question_at_load_that_a_reload_leaves_without_an_answer_is_warned_of(
    folder: Path,
) -> None:
    (folder / "hello.py").write_text(APP + "\nif uncork.once('loading'): print('mine', flush=True)")
    with LiveServer("hello:app", directory=folder) as server:
        assert "mine" in server.log()
        server.send_signal(signal.SIGHUP)
        server.wait_for_log('warning: `uncork.once("loading")` was asked while the app is loaded')


def test_a_function_that_fails_is_shown(folder: Path) -> None:
    (folder / "hello.py").write_text(APP.replace("def start():", "def start():\n    1 / 0"))
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for_log("error: `uncork.once('scheduler')` failed with `ZeroDivisionError`")
        assert "candidate.py" not in server.log()


@pytest.mark.parametrize("is_main", [True, False])
def test_outside_of_uncork_the_one_process_is_elected(folder: Path, is_main: bool) -> None:
    (folder / "script.py").write_text(
        (APP if is_main else "import hello, uncork\n")
        + "import threading\n"
        + "assert uncork.once('a')\n"
        + "for thread in threading.enumerate():\n"
        + "    if thread.name == 'uncork-once-scheduler': thread.join(5)\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("runs the scheduler") == 1


def test_commands_that_only_look_at_the_app_are_not_elected(folder: Path) -> None:
    (folder / "app.py").write_text(
        "import flask, uncork\n"
        "app = flask.Flask(__name__)\n"
        "assert not uncork.once('a')\n"
        "uncork.once('b')(lambda: print('called', flush=True))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "uncork", "routes"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "called" not in done.stdout
