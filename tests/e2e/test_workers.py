"""The supervisor and its workers: how many there are, and what becomes of one that dies."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer, run_uncork

pytestmark = pytest.mark.slow

APP = """\
import atexit, os, sys

# In one piece: two workers may say it at once.
atexit.register(lambda: os.write(1, f"last words of {os.getpid()}\\n".encode()))

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/wait":
        print("got /wait", flush=True)
        open("gate").read()
    if path == "/exit":
        os._exit(7)
    body = str(environ["wsgi.multiprocess"] if path == "/multi" else os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def answering(server: LiveServer) -> int:
    """The worker that answers a request on a new connection."""
    with server.client() as client:
        return int(client.get("/").body)


def wait_for_workers(server: LiveServer, number: int) -> set[int]:
    """The workers that answer, once there are so many."""
    found: set[int] = set()

    def are_there() -> bool:
        found.add(answering(server))
        found.intersection_update(server.worker_pids)
        return len(found) == number

    server.wait_for(are_there, f"{number} workers answered")
    return found


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def test_as_many_workers_serve_as_are_asked_for(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        assert wait_for_workers(server, 2) == set(server.worker_pids)
        assert "with 2 workers (`--workers`); Ctrl+C" in server.log()


@pytest.mark.parametrize(("workers", "expected"), [(1, b"False"), (2, b"True")])
def test_the_app_is_told_whether_it_is_in_several_processes(
    folder: Path, workers: int, expected: bytes
) -> None:
    with (
        LiveServer("hello:app", directory=folder, workers=workers) as server,
        server.client() as client,
    ):
        assert client.get("/multi").body == expected


def test_a_worker_that_is_added_is_told_that_it_is_not_the_only_one(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        server.send_signal(signal.SIGTTIN)

        def is_told() -> bool:
            with server.client() as client:
                return client.get("/multi").body == b"True"

        server.wait_for(is_told, "the new worker answered")


def test_the_supervisor_has_one_thread_and_not_the_app(folder: Path) -> None:
    (folder / "hello.py").write_text(APP + 'os.write(1, f"loaded in {os.getpid()}\\n".encode())\n')
    with LiveServer("hello:app", directory=folder) as server:
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert re.search(r"^Threads:\t1$", status, re.MULTILINE)
        loaded_in = re.findall(r"^loaded in (\d+)$", server.log(), re.MULTILINE)
        assert [int(pid) for pid in loaded_in] == server.worker_pids


def test_a_script_is_run_by_each_worker(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import hello, sys\n"
        "from wsgiref.simple_server import make_server\n"
        "if __name__ == '__main__':\n"
        "    word = sys.argv[1]\n"
        "    make_server('127.0.0.1', 0, hello.app).serve_forever()\n"
        "    print(word)\n"
    )
    with LiveServer("script.py", "--", "goodbye", directory=folder, workers=2) as server:
        wait_for_workers(server, 2)
        assert server.stop() == 0
        assert server.log().count("goodbye") == 2


def test_where_a_script_wants_to_be_served_is_bound_once(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import hello\n"
        "from wsgiref.simple_server import make_server\n"
        "if __name__ == '__main__':\n"
        "    print('run', flush=True)\n"
        "    make_server('127.0.0.1', 0, hello.app).serve_forever()\n"
    )
    with LiveServer("script.py", directory=folder, sockets=0, workers=2) as server:
        (url,) = server.announced_urls
        server.addresses = [("127.0.0.1", int(url.rpartition(":")[2]))]
        assert len(wait_for_workers(server, 2)) == 2


def test_where_a_script_that_has_changed_its_folder_wants_its_socket(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "script.py").write_text(
        "import hello, os, waitress\n"
        "if __name__ == '__main__':\n"
        "    os.chdir('inner')\n"
        "    waitress.serve(hello.app, unix_socket='own.sock')\n"
    )
    with LiveServer("script.py", directory=folder, sockets=0) as server:
        server.unix_paths = [folder / "inner" / "own.sock"]
        with server.client() as client:
            assert client.get("/").status == 200


def test_an_app_that_talks_into_the_channel_ends_its_worker_only(folder: Path) -> None:
    (folder / "noisy.py").write_text(
        "import os, socket, stat\n"
        "from hello import app as hello\n"
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/noise':\n"
        "        for name in os.listdir('/proc/self/fd'):\n"
        "            try:\n"
        "                end = socket.socket(fileno=os.dup(int(name)))\n"
        "                if not end.getpeername() and end.family == socket.AF_UNIX:\n"
        "                    end.sendall(b'noise\\n')\n"
        "            except OSError:\n"
        "                pass\n"
        "    return hello(environ, start_response)\n"
    )
    with LiveServer("noisy:app", directory=folder) as server:
        with server.client() as client:
            client.get("/noise")
        server.wait_for_log("another one takes its place")
        assert answering(server) == server.worker_pid


def test_all_workers_serve_with_the_same_made_up_certificate(folder: Path) -> None:
    import ssl

    arguments = ("hello:app", "--cert=adhoc")
    with LiveServer(*arguments, directory=folder, is_tls=True, workers=2) as server:
        server.wait_for(lambda: len(server.worker_pids) == 2, "two workers were started")
        seen = {ssl.get_server_certificate(server.addresses[0]) for _ in range(20)}
        assert len(seen) == 1


@pytest.mark.parametrize("inner", ["app", "app.wsgi_app"])
def test_socket_io_has_one_worker_unless_a_number_was_set(folder: Path, inner: str) -> None:
    (folder / "sockets.py").write_text(
        "import flask, flask_socketio\n"
        "app = flask.Flask(__name__)\n"
        "flask_socketio.SocketIO(app, async_mode='threading')\n"
        f"served = {inner}\n"
    )
    with LiveServer("sockets:served", directory=folder, workers=None) as server:
        assert "with 1 worker (Socket.IO keeps its sessions in one process)" in server.log()
        assert server.worker_pid


@pytest.mark.parametrize(
    ("kill", "how"),
    [
        (lambda pid: os.kill(pid, signal.SIGKILL), "was killed by SIGKILL"),
        (lambda pid: os.kill(pid, signal.SIGSEGV), "was killed by SIGSEGV"),
    ],
)
def test_a_worker_that_is_killed_is_replaced_and_the_log_says_how_it_died(
    folder: Path, kill: Callable[[int], None], how: str
) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        before = wait_for_workers(server, 2)
        victim = server.worker_pids[0]
        kill(victim)
        server.wait_for_log(f"worker 1 (process {victim}) {how}")
        assert wait_for_workers(server, 2) - before


def test_a_worker_that_ends_itself_is_replaced_and_its_exit_code_told(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        with server.client() as client:
            client.send(b"GET /exit HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for_log("ended with exit code 7; another one takes its place")
        assert answering(server) == server.worker_pid


def test_a_client_that_comes_while_there_is_no_worker_is_served_by_the_next(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        os.kill(server.worker_pid, signal.SIGKILL)
        assert answering(server) == server.worker_pid


def test_a_worker_asked_to_end_by_somebody_else_finishes_first_and_is_replaced(
    folder: Path,
) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        first = server.worker_pid
        running.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        os.kill(first, signal.SIGTERM)
        (folder / "gate").write_text("open")
        assert running.read_response().body == str(first).encode()
        server.wait_for_log("ended with exit code 0; another one takes its place")
        assert answering(server) != first


@pytest.mark.parametrize("workers", [1, 3])
def test_an_app_that_fails_at_boot_is_told_once_and_ends_the_server_with_3(
    folder: Path, workers: int
) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('not today')\n")
    arguments = ("serve", "broken:app", "--bind=127.0.0.1:0", f"--workers={workers}")
    ended = run_uncork(*arguments, directory=folder)
    assert ended.exit_code == 3
    assert ended.stderr.count("RuntimeError: not today") == 1
    assert ended.stderr.count("error: ") == 1


def test_an_app_that_is_killed_at_boot_ends_the_server_with_3(folder: Path) -> None:
    (folder / "killed.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    ended = run_uncork("serve", "killed:app", "--bind=127.0.0.1:0", directory=folder)
    assert ended.exit_code == 3
    assert "was killed by SIGKILL" in ended.stderr


@pytest.mark.parametrize("code", [1, 7])
def test_an_app_that_ends_its_process_at_boot_is_told_and_ends_the_server_with_3(
    folder: Path, code: int
) -> None:
    (folder / "leaving.py").write_text(f"import os\nos._exit({code})\n")
    ended = run_uncork("serve", "leaving:app", "--bind=127.0.0.1:0", directory=folder)
    assert ended.exit_code == 3
    assert f"ended with exit code {code} while it loaded the app" in ended.stderr


def test_an_app_that_hangs_at_boot_ends_with_3_and_is_shown_where(folder: Path) -> None:
    (folder / "hanging.py").write_text("import time\ntime.sleep(60)\n")
    arguments = ("serve", "hanging:app", "--bind=127.0.0.1:0", "--boot-timeout=0.3")
    ended = run_uncork(*arguments, directory=folder)
    assert ended.exit_code == 3
    assert "error: the app was not loaded within 0.3 s" in ended.stderr
    assert 'hanging.py", line 2' in ended.stderr


def test_the_app_s_exit_functions_run_in_each_worker(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        pids = wait_for_workers(server, 2)
        assert server.stop() == 0
        assert {int(pid) for pid in re.findall(r"last words of (\d+)", server.log())} == pids


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_no_process_and_no_socket_is_left_when_it_was_asked_to_stop(
    folder: Path, number: signal.Signals
) -> None:
    binds = [f"unix:{folder / 'hello.sock'}"]
    with LiveServer("hello:app", directory=folder, binds=binds, workers=3) as server:
        wait_for_workers(server, 3)
        server.stop(number)


def test_ctrl_c_of_a_terminal_goes_to_every_process_and_is_one_wish(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        wait_for_workers(server, 2)
        with server.client() as running:
            running.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for_log("got /wait")
            os.killpg(server.pid, signal.SIGINT)
            server.wait_for_log("stopping")
            (folder / "gate").write_text("open")
            assert running.read_response().status == 200
            assert server.wait() == 0


def test_a_worker_that_hears_of_the_end_several_times_finishes_what_runs(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        worker = server.worker_pid
        running.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("stopping")
        until = time.monotonic() + 0.7  # longer than a repetition may come later
        server.wait_for(lambda: time.monotonic() > until, "a moment had passed")
        os.kill(worker, signal.SIGTERM)
        (folder / "gate").write_text("open")
        assert running.read_response().status == 200
        assert server.wait() == 0


def test_workers_do_not_outlive_a_supervisor_that_is_killed(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2, exit_code=-9) as server:
        pids = wait_for_workers(server, 2)
        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while any(map(is_alive, pids)):
            assert time.monotonic() < deadline, server.log()
            with suppress(OSError), socket.create_connection(server.addresses[0], timeout=0.1):
                pass
        server.wait()  # until the log has been read to its end
        assert all(f"last words of {pid}" in server.log() for pid in pids)


def test_one_worker_more_and_one_fewer(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        server.send_signal(signal.SIGTTIN)
        wait_for_workers(server, 2)
        server.send_signal(signal.SIGTTOU)
        server.wait_for(lambda: len(server.worker_pids) == 1, "one was gone")
        assert answering(server) == server.worker_pid
        assert "warning: worker" not in server.log()
