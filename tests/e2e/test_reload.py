"""Reloading (HUP): the new code is tried beside the old one, and no client sees anything of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer

pytestmark = pytest.mark.slow


def code(version: str) -> str:
    return f"""\
def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        print("got /wait", flush=True)
        open("gate").read()
    start_response("200 OK", [("Content-Length", "{len(version)}")])
    return [b"{version}"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(code("old"))
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def version(server: LiveServer) -> str:
    with server.client() as client:
        return client.get("/").body.decode()


@dataclass
class SteadyClient:
    """What it has seen."""

    bodies: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)


@contextmanager
def steady_client(server: LiveServer, *, keeps_alive: bool) -> Iterator[SteadyClient]:
    """A client that asks all the while, on one connection for as long as it is told to."""
    seen, is_over = SteadyClient(), threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                with server.client() as client:
                    is_last = False
                    while not is_last and not is_over.is_set():
                        answer = client.get("/")
                        seen.bodies.append(answer.body.decode())
                        is_last = not keeps_alive or answer.header("Connection") == "close"
            except Exception as error:
                seen.failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("keeps_alive", [False, True])
def test_the_new_code_serves_when_it_is_ready_and_no_client_loses_a_request(
    folder: Path, keeps_alive: bool
) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        server.wait_for(lambda: len(server.worker_pids) == 2, "two workers were started")
        old = server.worker_pids
        with steady_client(server, keeps_alive=keeps_alive) as seen:
            for number in range(5):
                (folder / "hello.py").write_text(code("new" * (number + 1)))
                server.send_signal(signal.SIGHUP)
                server.wait_for_log(f"reloaded: generation {number + 2} serves")
            server.wait_for(lambda: "new" * 5 in seen.bodies, "the newest code answered")
        assert seen.failures == []
        server.wait_for(lambda: len(server.worker_pids) == 2, "the old workers had ended")
        assert not set(old) & set(server.worker_pids)
        assert version(server) == "new" * 5


@pytest.mark.timeout(30)
@pytest.mark.parametrize("workers", [1, 2])
def test_while_new_code_is_slow_to_load_nobody_waits_for_it(folder: Path, workers: int) -> None:
    with LiveServer("hello:app", directory=folder, workers=workers) as server:
        longest = 0.0
        with steady_client(server, keeps_alive=False) as seen:
            (folder / "hello.py").write_text(f"import time\ntime.sleep(2)\n{code('new')}")
            server.send_signal(signal.SIGHUP)
            while "reloaded: generation 2 serves" not in server.log():
                before = time.monotonic()
                version(server)
                longest = max(longest, time.monotonic() - before)
            server.wait_for(lambda: "new" in seen.bodies, "the new code answered")
        assert seen.failures == []
        # A busy machine takes its time; an old worker that had gone too early, the two seconds.
        assert longest < 1.5


def test_a_request_that_runs_is_finished_by_the_old_code(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as running:
        running.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /wait")
        (folder / "hello.py").write_text(code("another"))
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        server.wait_for(lambda: version(server) == "another", "the new code answered")
        (folder / "gate").write_text("open")
        assert running.read_response().body == b"old"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("raise RuntimeError('not today')\n", "RuntimeError: not today"),
        ("app = (\n", "SyntaxError"),
        ("nothing = 1\n", "error: "),
        ("import os\nos._exit(9)\n", "ended with exit code 9"),
        ("import os\nos.kill(os.getpid(), 11)\n", "was killed by SIGSEGV"),
    ],
)
def test_code_that_does_not_load_leaves_the_old_serving_and_is_shown(
    folder: Path, broken: str, told: str
) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        old = server.worker_pid
        (folder / "hello.py").write_text(broken)
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("error: the reload failed, and nothing has changed")
        assert told in server.log()
        assert version(server) == "old"
        assert server.worker_pid == old


def test_after_a_reload_that_failed_the_next_one_may_do(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        (folder / "hello.py").write_text("1 / 0\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("the reload failed")
        (folder / "hello.py").write_text(code("mended"))
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        server.wait_for(lambda: version(server) == "mended", "the new code answered")


def test_code_that_hangs_at_import_is_given_up(folder: Path) -> None:
    with LiveServer("hello:app", "--boot-timeout=1", directory=folder) as server:
        (folder / "hello.py").write_text("import time\ntime.sleep(60)\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("the reload failed")
        assert "the app was not loaded within 1 s" in server.log()
        assert version(server) == "old"


ASKED = """\
import os, time, flask
app = flask.Flask(__name__)

@app.get("/")
def index():
    print("asked", flask.request.environ.get("uncork.health_request"), flush=True)
    {body}
    return "new"
"""


def health_failures() -> list[tuple[str, str]]:
    return [
        ("raise LookupError('no table')", "LookupError: no table"),
        ("return 'later', 503", "`GET /` was answered with `503 SERVICE UNAVAILABLE`"),
        ("time.sleep(60)", "`GET /` was not answered within 1 s"),
        ("os._exit(1)", "ended with exit code 1"),
    ]


@pytest.mark.parametrize(("body", "told"), health_failures())
def test_code_that_does_not_answer_the_health_request_leaves_the_old_serving(
    folder: Path, body: str, told: str
) -> None:
    with LiveServer("hello:app", "--health-timeout=1", directory=folder) as server:
        old = server.worker_pid
        (folder / "hello.py").write_text(ASKED.format(body=body))
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("error: the reload failed, and nothing has changed")
        assert told in server.log()
        assert (version(server), server.worker_pid) == ("old", old)


def test_an_exception_out_of_the_app_itself_is_shown_with_its_traceback(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        (folder / "hello.py").write_text("def app(environ, start_response):\n    1 / 0\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("error: the reload failed, and nothing has changed")
        assert "error: the health request `GET /` failed with `ZeroDivisionError`" in server.log()
        assert 'hello.py", line 2, in app' in server.log()
        assert "health_request.py" not in server.log()


@pytest.mark.parametrize("body", ["return 'gone', 404", "return flask.redirect('/login')", "pass"])
def test_any_answer_below_500_lets_new_code_take_over(folder: Path, body: str) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        (folder / "hello.py").write_text(ASKED.format(body=body))
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2 serves")
        assert server.log().count("asked True") == 2


def test_the_health_request_asks_for_the_path_that_was_set_or_nothing(folder: Path) -> None:
    settings = folder / "uncork.toml"
    with LiveServer("hello:app", directory=folder) as server:
        (folder / "hello.py").write_text(
            "def app(environ, start_response):\n"
            "    print(environ['PATH_INFO'], environ['QUERY_STRING'], flush=True)\n"
            "    start_response('500 No', [('Content-Length', '0')])\n"
            "    return []\n"
        )
        settings.write_text("health_path = '/is%20fine?now'\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("was answered with `500 No`")
        assert "/is fine now" in server.log()
        settings.write_text("health_path = 'none'\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 3 serves")


def test_neither_the_first_workers_nor_their_successors_are_asked(folder: Path) -> None:
    (folder / "hello.py").write_text(ASKED.format(body="pass"))
    with LiveServer("hello:app", directory=folder) as server:
        os.kill(server.worker_pid, signal.SIGKILL)
        assert version(server) == "new"
        assert "asked True" not in server.log()


def test_a_stop_during_the_health_request_leaves_nothing(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        (folder / "hello.py").write_text(ASKED.format(body="time.sleep(60)"))
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("asked True")
        assert server.stop() == 0


def test_settings_are_read_again(folder: Path) -> None:
    settings = folder / "uncork.toml"
    settings.write_text("workers = 1\n")
    with LiveServer("hello:app", directory=folder, workers=None) as server:
        settings.write_text("workers = 3\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        server.wait_for(lambda: len(server.worker_pids) == 3, "there were three workers")


def test_settings_that_cannot_be_read_leave_everything_as_it_was(folder: Path) -> None:
    settings = folder / "uncork.toml"
    settings.write_text("threads = 4\n")
    with LiveServer("hello:app", directory=folder) as server:
        old = server.worker_pid
        settings.write_text("threads = 'many'\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("bad value `many` for `threads`")
        server.wait_for_log("nothing has changed")
        assert (version(server), server.worker_pid) == ("old", old)


def test_the_environment_of_the_new_code_is_what_the_files_say_by_now(folder: Path) -> None:
    (folder / "hello.py").write_text(
        "import os\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [os.environ.get('WORD', 'none').encode()]\n"
    )
    (folder / ".env").write_text("WORD=one\n")
    with LiveServer("hello:app", directory=folder) as server:
        assert version(server) == "one"
        (folder / ".env").write_text("WORD=two\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        server.wait_for(lambda: version(server) == "two", "the new code answered")


def test_an_address_that_was_changed_takes_a_new_start(folder: Path) -> None:
    settings = folder / "uncork.toml"
    settings.write_text("backlog = 100\n")
    with LiveServer("hello:app", directory=folder) as server:
        settings.write_text("backlog = 200\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("warning: a reload does not change `backlog`")


def test_a_stop_right_behind_a_reload_ends_with_0(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloading")
        assert server.stop() == 0


def test_a_stop_during_a_reload_leaves_nothing(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        (folder / "hello.py").write_text(
            "import time\nprint('still there', flush=True)\ntime.sleep(60)\n"
        )
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("still there")
        assert server.stop() == 0
