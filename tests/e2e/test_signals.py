"""What each signal does, also while the app is loaded and after it was served."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer

pytestmark = pytest.mark.slow

APP = """\
import time

def app(environ, start_response):
    path = environ["PATH_INFO"]
    print("got", path, flush=True)
    if path == "/wait":
        open("gate").read()
    if path == "/stuck":
        time.sleep(60)
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")  # a request for `/wait` is answered once somebody writes here
    return tmp_path


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_an_idle_server_stops_at_once_with_0(folder: Path, number: signal.Signals) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        with server.client() as idle:
            idle.get()
            assert server.stop(number) == 0
        assert server.log().splitlines()[-1] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_finished_first(folder: Path, number: signal.Signals) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        running.send(request("/wait"))
        server.wait_for_log("got /wait")
        server.send_signal(number)
        server.wait_for_log("stopping")
        (folder / "gate").write_text("open")
        assert running.read_response().body == b"done"
        assert server.wait() == 0


def test_new_connections_are_refused_while_it_drains(folder: Path) -> None:
    path = folder / "hello.sock"
    binds = ["127.0.0.1:0", f"unix:{path}"]
    with LiveServer("hello:app", directory=folder, sockets=0, binds=binds) as server:
        port = int(server.announced_urls[0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as running:
            running.sendall(request("/stuck"))
            server.wait_for_log("got /stuck")
            server.send_signal(signal.SIGTERM)
            server.wait_for(lambda: not path.exists(), "the listeners were closed")
            server.wait_for(lambda: not accepts(port), "the port was closed")
            server.send_signal(signal.SIGQUIT)
            assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_no_temporary_file_is_left_however_it_stops(folder: Path, number: signal.Signals) -> None:
    (folder / "tmp").mkdir()
    arguments = ("hello:app", "--body-buffer=1KiB", "--graceful-timeout=1")
    env = {"TMPDIR": str(folder / "tmp")}
    with LiveServer(*arguments, directory=folder, env=env) as server, server.client() as client:
        client.send(b"POST /stuck HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n")
        client.send(bytes(100_000))
        server.wait_for_log("got /stuck")
        assert server.stop(number) == 0
        assert list((folder / "tmp").iterdir()) == []


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_what_outlasts_the_graceful_timeout_is_named_and_cut_off(folder: Path) -> None:
    arguments = ("hello:app", "--graceful-timeout=0.2")
    with LiveServer(*arguments, directory=folder) as server, server.client() as running:
        running.send(request("/stuck"))
        server.wait_for_log("got /stuck")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 5
        assert "cutting off 1 request still inside the app after 0.2 s" in server.log()
        assert 'hello.py", line 9, in app' in server.log()


@pytest.mark.parametrize("second", [signal.SIGQUIT, signal.SIGTERM])
def test_a_second_signal_stops_at_once(folder: Path, second: signal.Signals) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        running.send(request("/stuck"))
        server.wait_for_log("got /stuck")
        server.send_signal(signal.SIGINT)
        server.wait_for_log("stopping")
        started = time.monotonic()
        assert server.stop(second) == 0
        assert time.monotonic() - started < 5


def test_the_same_signal_again_stops_at_once_when_a_moment_has_passed(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        running.send(request("/stuck"))
        server.wait_for_log("got /stuck")
        server.send_signal(signal.SIGINT)
        server.wait_for_log("stopping")

        def cuts_off() -> bool:
            server.send_signal(signal.SIGINT)
            return "cutting off 1 request" in server.log()

        server.wait_for(cuts_off, "a later INT was heard")
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_twice_at_once_lets_running_requests_finish(
    folder: Path, number: signal.Signals
) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        running.send(request("/wait"))
        server.wait_for_log("got /wait")
        server.send_signal(number)
        server.send_signal(number)
        server.wait_for_log("stopping")
        server.send_signal(number)
        (folder / "gate").write_text("open")
        assert running.read_response().body == b"done"
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_again_while_the_process_ends_changes_nothing(
    folder: Path, number: signal.Signals
) -> None:
    with LiveServer("hello:app", directory=folder) as server:

        def has_ended() -> bool:
            server.send_signal(number)
            return not server.is_running

        server.wait_for(has_ended, "the server ended")
        assert server.wait() == 0


def test_during_the_drain_delay_everything_is_served_as_before(folder: Path) -> None:
    arguments = ("hello:app", "--drain-delay=2s")
    with LiveServer(*arguments, directory=folder) as server, server.client() as kept:
        kept.get()
        started = time.monotonic()
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping in 2 s; Ctrl+C again begins with it at once")
        assert kept.get().header("Connection") is None
        with server.client() as other:
            assert other.get().body == b"done"
        assert server.wait() == 0
        assert 2 <= time.monotonic() - started < 7


def test_a_worker_that_dies_during_the_drain_delay_is_replaced(folder: Path) -> None:
    with LiveServer("hello:app", "--drain-delay=1m", directory=folder) as server:
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping in 60 s")
        os.kill(server.worker_pid, signal.SIGKILL)
        with server.client() as client:
            assert client.get().body == b"done"
        server.stop(signal.SIGINT)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_drain_delay_and_a_third_stops_at_once(
    folder: Path, second: signal.Signals
) -> None:
    arguments = ("hello:app", "--drain-delay=1m")
    with LiveServer(*arguments, directory=folder) as server, server.client() as running:
        running.send(request("/stuck"))
        server.wait_for_log("got /stuck")
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping in 60 s")

        def has_begun() -> bool:
            server.send_signal(second)
            return "stopping: running requests have 30 s" in server.log()

        server.wait_for(has_begun, "the delay was over")
        assert server.is_running

        def has_ended() -> bool:
            server.send_signal(second)  # counts when a moment has passed
            return not server.is_running

        server.wait_for(has_ended, "a third signal was heard")
        assert server.wait() == 0


def test_a_quick_stop_waits_for_no_drain_delay(folder: Path) -> None:
    with LiveServer("hello:app", "--drain-delay=1m", directory=folder) as server:
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping in 60 s")
        assert server.stop(signal.SIGQUIT) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("wait", ["time.sleep(60)", "threading.Event().wait()"])
def test_a_stop_while_the_app_is_loaded_ends_promptly_with_0(
    folder: Path, number: signal.Signals, wait: str
) -> None:
    path = folder / "slow.sock"
    (folder / "slow.py").write_text(
        f"import threading, time\nprint('loading', flush=True)\n{wait}\napp = None\n"
    )
    with LiveServer(
        "slow:app", directory=folder, binds=[f"unix:{path}"], waits_until_ready=False
    ) as server:
        server.wait_for_log("loading")
        started = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - started < 3
        assert "Traceback" not in server.log()
        assert not path.exists()


def test_a_stop_is_heard_while_the_import_is_stuck_in_a_call_into_c(folder: Path) -> None:
    path = folder / "slow.sock"
    (folder / "slow.py").write_text(
        "import ctypes\n"
        "print('loading', flush=True)\n"
        "left = 60\n"
        "while left: left = ctypes.CDLL(None).sleep(left)\n"
    )
    with LiveServer(
        "slow:app", directory=folder, binds=[f"unix:{path}"], waits_until_ready=False
    ) as server:
        server.wait_for_log("loading")
        server.send_signal(signal.SIGTERM)
        assert server.stop(signal.SIGINT) == 0
        assert not path.exists()


def test_a_script_that_catches_the_stop_is_not_served_after_it(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import time, hello\n"
        "from wsgiref.simple_server import make_server\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        print('loading', flush=True)\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        pass\n"
        "    make_server('127.0.0.1', 0, hello.app).serve_forever()\n"
        "    print('the script has ended')\n"
    )
    with LiveServer("script.py", directory=folder, waits_until_ready=False) as server:
        server.wait_for_log("loading")
        assert server.stop() == 0
        assert "ready" not in server.log()
        assert "the script has ended" in server.log()


def test_a_script_s_own_handler_rests_while_it_is_served_and_is_put_back(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import hello, os, signal\n"
        "from wsgiref.simple_server import make_server\n"
        "def own(number, frame): print('script handles it', flush=True)\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGTERM, own)\n"
        "    make_server('127.0.0.1', 0, hello.app).serve_forever()\n"
        "    print('served', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    with LiveServer("script.py", directory=folder) as server:
        assert "the app's own handlers are not called while it is served: SIGTERM" in server.log()
        assert server.stop() == 0
        before, _, after = server.log().partition("served\n")
        assert "script handles it" not in before
        assert "script handles it" in after


def test_a_thread_of_the_app_that_never_ends_does_not_hold_up_the_stop(folder: Path) -> None:
    (folder / "threads.py").write_text(
        "import atexit, threading, time\n"
        "from hello import app\n"
        "threading.Thread(target=time.sleep, args=(60,), name='forever').start()\n"
        "atexit.register(print, 'last words', flush=True)\n"
    )
    with LiveServer("threads:app", directory=folder) as server:
        assert server.stop() == 0
        assert "not waiting any longer for `forever`" in server.log()
        assert "last words" in server.log()


def test_a_process_that_the_app_forks_ends_on_its_own_term_and_stops_nobody_else(
    folder: Path,
) -> None:
    (folder / "forks.py").write_text(
        "import multiprocessing, time\n"
        "from hello import app as hello\n"
        "def app(environ, start_response):\n"
        "    child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))\n"
        "    child.start()\n"
        "    child.terminate()\n"
        "    child.join(5)\n"
        "    print('child ended with', child.exitcode, flush=True)\n"
        "    return hello(environ, start_response)\n"
    )
    with LiveServer("forks:app", directory=folder) as server, server.client() as client:
        assert client.get().status == 200
        server.wait_for_log("child ended with -15")
        assert client.get().status == 200
        assert "stopping" not in server.log()


def test_exit_functions_run_and_output_is_flushed_when_a_request_is_cut_off(folder: Path) -> None:
    (folder / "words.py").write_text(
        "import atexit\nfrom hello import app\natexit.register(print, 'last words')\n"
    )
    arguments = ("words:app", "--graceful-timeout=0")
    with LiveServer(*arguments, directory=folder) as server, server.client() as running:
        running.send(request("/stuck"))
        server.wait_for_log("got /stuck")
        assert server.stop() == 0
        assert "last words" in server.log()


def test_a_script_that_fails_after_a_request_was_cut_off_is_told(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import hello\n"
        "from wsgiref.simple_server import make_server\n"
        "if __name__ == '__main__':\n"
        "    make_server('127.0.0.1', 0, hello.app).serve_forever()\n"
        "    raise RuntimeError('too late')\n"
    )
    arguments = ("script.py", "--graceful-timeout=0")
    with LiveServer(*arguments, directory=folder, exit_code=3) as server:
        with server.client() as running:
            running.send(request("/stuck"))
            server.wait_for_log("got /stuck")
            server.stop()
        assert "too late" in server.log()
