"""`uncork.on_worker_start`, `uncork.on_shutdown`: when they are called, and if they fail."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer, run_uncork

pytestmark = pytest.mark.slow

APP = """\
import atexit, os, threading, uncork

def say(text):
    # In one piece: two workers may say it at once.
    in_main = threading.current_thread() is threading.main_thread()
    os.write(1, f"{os.getpid()} {text}{'' if in_main else ' in a thread'}\\n".encode())

atexit.register(say, "atexit")

@uncork.on_worker_start
def first():
    say("start 1")

uncork.on_worker_start(lambda: say("start 2"))
uncork.on_shutdown(lambda: say("shutdown 2"))

@uncork.on_shutdown
def last():
    say("shutdown 1")

say("imported")

def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        say("asked")
        open("gate").read()
        say("answered")
    if environ["PATH_INFO"] == "/late":
        uncork.on_worker_start(lambda: say("start late"))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

if __name__ == "__main__":
    first(), last()
"""
WHOLE = ["imported", "start 1", "start 2", "shutdown 1", "shutdown 2", "atexit"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def said(server: LiveServer) -> dict[str, list[str]]:
    """What each process has said, in its order."""
    by_pid: dict[str, list[str]] = {}
    for pid, text in re.findall(r"^(\d+) (.*)$", server.log(), re.MULTILINE):
        by_pid.setdefault(pid, []).append(text)
    return by_pid


def wait_until_both_serve(server: LiveServer) -> None:
    seen: set[bytes] = set()

    def have_answered() -> bool:
        with server.client() as client:
            seen.add(client.get("/").body)
        return len(seen) == 2

    server.wait_for(have_answered, "both workers answered")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_they_are_called_in_each_worker_in_their_order_in_the_main_thread(
    folder: Path, number: signal.Signals
) -> None:
    with LiveServer("hello:app", "--preload=off", directory=folder, workers=2) as server:
        wait_until_both_serve(server)
        assert server.stop(number) == 0
        assert list(said(server).values()) == [WHOLE, WHOLE]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_where_the_app_is_imported_once_each_worker_calls_the_hooks_and_the_template_does_not(
    folder: Path, number: signal.Signals
) -> None:
    with LiveServer("hello:app", "--preload=on", directory=folder, workers=2) as server:
        wait_until_both_serve(server)
        assert server.stop(number) == 0
        assert list(said(server).values()) == [WHOLE[:1], WHOLE[1:], WHOLE[1:]]


def test_the_start_hooks_are_called_before_the_worker_serves(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        assert server.log().index("start 2") < server.log().index("ready as process")


def test_the_shutdown_hooks_wait_for_the_requests_that_run(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as client:
        client.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("asked")
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping")
        (folder / "gate").write_text("open")
        assert client.read_response().status == 200
        assert server.wait() == 0
        (worker,) = said(server).values()
        assert worker.index("answered in a thread") < worker.index("shutdown 1")


def test_a_start_hook_that_is_registered_while_the_worker_serves_is_called_at_once(
    folder: Path,
) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as client:
        assert client.get("/late").status == 200
        server.wait_for_log("start late")


def test_a_start_hook_that_fails_ends_the_start_with_3_and_its_traceback(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "import uncork\n"
        "from hello import app\n"
        "@uncork.on_worker_start\n"
        "def connect():\n"
        "    raise ConnectionError('nobody there')\n"
    )
    ended = run_uncork("serve", "broken:app", "--bind=127.0.0.1:0", directory=folder)
    assert ended.exit_code == 3
    assert "error: the start hook `connect` failed with `ConnectionError`" in ended.stderr
    assert 'broken.py", line 5, in connect' in ended.stderr
    assert "worker_hooks.py" not in ended.stderr


def test_a_start_hook_that_hangs_is_given_up_and_shown_where(folder: Path) -> None:
    (folder / "hanging.py").write_text(
        "import time, uncork\n"
        "from hello import app\n"
        "uncork.on_worker_start(lambda: time.sleep(60))\n"
    )
    arguments = ("serve", "hanging:app", "--bind=127.0.0.1:0", "--boot-timeout=0.5")
    ended = run_uncork(*arguments, directory=folder)
    assert ended.exit_code == 3
    assert "error: the start hooks of the worker did not return within 0.5 s" in ended.stderr
    assert 'hanging.py", line 3' in ended.stderr


def test_a_stop_during_a_start_hook_ends_it_with_0(folder: Path) -> None:
    (folder / "hanging.py").write_text(
        "import time, uncork\n"
        "from hello import app\n"
        "@uncork.on_worker_start\n"
        "def hang():\n"
        "    print('hanging', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with LiveServer("hanging:app", directory=folder, waits_until_ready=False) as server:
        server.wait_for_log("hanging")
        assert server.stop() == 0
        assert "Traceback" not in server.log()


def test_a_shutdown_hook_that_fails_is_logged_and_the_others_are_called(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "import uncork\nfrom hello import app\nuncork.on_shutdown(lambda: 1 / 0)\n"
    )
    with LiveServer("broken:app", directory=folder) as server:
        assert server.stop() == 0
        assert "failed with `ZeroDivisionError`" in server.log()
        (worker,) = said(server).values()
        assert worker == WHOLE


def test_a_shutdown_hook_that_hangs_holds_nothing_up_for_long(folder: Path) -> None:
    (folder / "hanging.py").write_text(
        "import time, uncork\nfrom hello import app\nuncork.on_shutdown(lambda: time.sleep(60))\n"
    )
    with LiveServer("hanging:app", directory=folder) as server:
        assert server.stop() == 0
        assert "warning: the shutdown hooks did not return within 5 s" in server.log()
        assert 'hanging.py", line 3' in server.log()
        assert "atexit in a thread" in server.log()


def test_outside_of_uncork_nothing_is_called_and_the_functions_are_as_they_were(
    folder: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "hello.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    words = [line.partition(" ")[2] for line in done.stdout.splitlines()]
    assert words == ["imported", "start 1", "shutdown 1", "atexit"]
