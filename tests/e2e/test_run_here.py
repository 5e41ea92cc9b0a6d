"""`uncork.run` in the process of the script: it serves, returns, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.certificates import make_certificate
from tests.support.scripts import Script

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

FLASK = """
import os, sys, threading, time
from flask import Flask, request
import uncork
app = Flask(__name__)

@app.get("/")
def index():
    return "hello"

@app.get("/facts")
def facts():
    return f"{os.getpid()} {threading.active_count()} {app.debug} {request.scheme}"

@app.get("/boom")
def boom():
    secret = 40 + 2
    raise ValueError("boom")
"""

Run = Callable[..., Script]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Writes `hello.py`, which ends in the text that is given, and makes a `Script` of it."""

    def write(text: str, *arguments: str, **options: dict[str, str]) -> Script:
        (tmp_path / "hello.py").write_text(FLASK + dedent(text))
        return Script("hello.py", *arguments, directory=tmp_path, **options)  # type: ignore[arg-type]

    return write


def test_it_serves_in_the_same_process_and_returns_when_it_is_stopped(run: Run) -> None:
    with run("uncork.run(app, port=0)\nprint('and on it goes')\n") as script:
        assert script.get() == (200, "hello")
        assert script.get("/facts")[1].startswith(f"{script.pid} ")
        assert script.stop() == 0
    assert "without the reloader; Ctrl+C stops it" in script.log()
    assert "200 GET / 5 B in" in script.log()
    assert script.log().endswith("and on it goes\n")


def test_term_and_the_end_of_the_terminal_stop_it_too(run: Run) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        with run("uncork.run(app, port=0)\n") as script:
            assert script.get()[0] == 200
            assert script.stop(number) == 0


def test_it_can_be_called_again_and_signals_are_the_scripts_afterwards(run: Run) -> None:
    text = """
    import signal
    handler = lambda *_: None
    for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, handler)
    uncork.run(app, port=0)
    app.get("/more")(lambda: "more")
    uncork.run(app, port=0)
    kept = [signal.getsignal(n) is handler for n in (signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM)]
    print("handlers", *kept, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    """
    with run(text) as script:
        assert script.get()[0] == 200
        os.kill(script.pid, signal.SIGINT)
        script.wait_for(lambda: script.log().count("\nready") == 2, "it served again")
        assert script.stop() == 0
    assert "handlers True True True True" in script.log()


def test_a_stop_waits_for_a_running_request_and_a_second_one_does_not(run: Run) -> None:
    text = """
    @app.get("/long")
    def long():
        print("inside", flush=True)
        while True:
            pass
    uncork.run(app, port=0)
    print("returned")
    """
    with run(text) as script:
        host, port = script.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
            script.wait_for_log("inside")
            interrupt_until_it_ends(script)
        assert script.wait() == 0
    assert "cutting off 1 request still inside the app" in script.log()
    assert "returned" in script.log()


def test_it_serves_in_a_thread_as_long_as_the_process_lasts(run: Run) -> None:
    text = """
    threading.Thread(target=uncork.run, args=(app, None, 0), daemon=True).start()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("main has ended")
    """
    with run(text) as script:
        assert script.get() == (200, "hello")
        assert script.stop() == 0
    assert "main has ended" in script.log()
    assert "Fatal" not in script.log()


def test_a_thread_that_is_no_daemon_outlives_the_main_one(run: Run) -> None:
    text = """
    import atexit
    atexit.register(print, "at the end")
    served = threading.Event()
    app.before_request(served.set)
    threading.Thread(target=uncork.run, args=(app, None, 0)).start()
    served.wait()
    print("main has ended", flush=True)
    """
    with run(text) as script:
        assert script.get() == (200, "hello")
        script.wait_for_log("main has ended")
        assert script.get() == (200, "hello")
        interrupt_until_it_ends(script)
        assert script.wait() >= 0
    assert "at the end" in script.log()


def test_it_serves_or_says_why_not_when_the_main_thread_ends_at_once(run: Run) -> None:
    with run("threading.Thread(target=uncork.run, args=(app, None, 0)).start()\n") as script:
        script.wait_for(lambda: any(word in script.log() for word in ENDS), "it served or not")
    assert "Traceback" not in script.log()


# CPython 3.12 starts no threads any more then.
ENDS = ("\nready", "came too late: the main thread has ended")


def interrupt_until_it_ends(script: Script) -> None:
    """Sends the signal again and again: where the process is now, one may not be enough."""
    deadline = time.monotonic() + 30
    while script.is_running and time.monotonic() < deadline:
        script.send_signal(signal.SIGINT)
        time.sleep(0.7)  # the same signal counts once only within half a second


def test_with_the_reloader_in_a_thread_it_says_why_it_goes_without(run: Run) -> None:
    text = """
    threading.Thread(target=uncork.run, args=(app, None, 0, True), daemon=True).start()
    time.sleep(60)
    """
    with run(text) as script:
        assert script.get("/facts")[1].split()[2] == "True"
        assert script.stop() != 0
    assert "serves without the reloader: that runs the whole program again" in script.log()


def test_errors_are_shown_by_the_debugger_if_it_is_asked_for(run: Run) -> None:
    with run("uncork.run(app, port=0, debug=True, use_reloader=False)\n") as script:
        status, page = script.get("/boom", accept="text/html")
        assert (status, "Werkzeug Debugger" in page, "EVALEX = true" in page) == (500, True, True)
        assert script.stop() == 0
    assert "debugger PIN: " in script.log()
    text = "uncork.run(app, port=0, debug=True, use_reloader=False, use_evalex=False)\n"
    with run(text) as script:
        assert "EVALEX = false" in script.get("/boom", accept="text/html")[1]
        assert script.stop() == 0
    assert "PIN" not in script.log()


def test_other_machines_do_not_get_the_debugger_unless_that_is_set(run: Run) -> None:
    text = "uncork.run(app, '0.0.0.0', 0, debug=True, use_reloader=False)\n"
    with run(text) as script:
        page = script.get("/boom", accept="text/html")[1]
        assert "EVALEX" not in page
    assert "`UNCORK_DEV_DEBUGGER_ON_NETWORK=1` turns it on" in script.log()
    with run(text, env={"UNCORK_DEV_DEBUGGER_ON_NETWORK": "1"}) as script:
        assert "EVALEX = true" in script.get("/boom", accept="text/html")[1]


def test_without_the_debugger_they_are_not(run: Run) -> None:
    with run("uncork.run(app, port=0)\n") as script:
        assert "Werkzeug" not in script.get("/boom", accept="text/html")[1]


def test_an_error_that_is_to_pass_ends_the_server_and_comes_out_of_the_call(run: Run) -> None:
    text = """
    try:
        uncork.run(app, port=0, debug=True, use_reloader=False, use_debugger=False,
                   passthrough_errors=True)
    except ValueError as error:
        print("passed:", error)
    """
    with run(text) as script:
        assert script.get()[0] == 200
        assert script.get("/boom")[0] == 500
        assert script.wait() == 0
    assert script.log().endswith("passed: boom\n")


def test_static_files_are_served(run: Run, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a.txt").write_text("text")
    with run("uncork.run(app, port=0, static_files={'/files': 'files'})\n") as script:
        assert script.get("/files/a.txt") == (200, "text")
        assert script.get() == (200, "hello")


@pytest.mark.parametrize("threaded", [True, False])
def test_threads(run: Run, threaded: bool) -> None:
    text = f"""
    barrier = threading.Barrier(2)
    @app.get("/both")
    def both():
        try:
            barrier.wait(20 if {threaded} else 0.2)
        except threading.BrokenBarrierError:
            return "alone"
        return "together"
    uncork.run(app, port=0, threaded={threaded})
    """
    answers = []
    with run(text) as script:
        host, port = script.url.removeprefix("http://").split(":")
        connections = [socket.create_connection((host, int(port))) for _ in range(2)]
        for connection in connections:
            connection.settimeout(30)
            connection.sendall(b"GET /both HTTP/1.0\r\nHost: a\r\n\r\n")
        for connection in connections:
            with connection, connection.makefile("rb") as answer:
                answers.append(answer.read().rpartition(b"\r\n\r\n")[2])
    assert answers == [b"together" if threaded else b"alone"] * 2


def test_a_certificate_of_ones_own_and_one_that_is_made(run: Run, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    pair = (str(files.certificate), str(files.key))
    for given, context in (
        (repr(pair), ssl.create_default_context(cafile=pair[0])),
        ("'adhoc'", ssl._create_unverified_context()),
    ):
        with run(f"uncork.run(app, port=0, ssl_context={given})\n") as script:
            url = script.url + "/facts"
            assert url.startswith("https://127.0.0.1:")
            with urllib.request.urlopen(url, context=context, timeout=20) as answer:
                assert answer.read().endswith(b" https")


def test_a_unix_socket_is_gone_afterwards(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with run(f"uncork.run(app, 'unix://{path}')\n") as script:
        script.wait_for_log("\nready")
        assert path.is_socket()
        assert script.stop() == 0
    assert not path.exists()


def test_what_can_not_be_served_is_told_without_a_traceback(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with run(f"uncork.run(app, port={port})\nprint('never')\n") as script:
            assert script.wait() == 4
    first, cause, hint = script.log().splitlines()
    assert first == f"error: could not listen on `127.0.0.1:{port}`: the address is in use"
    assert cause.startswith("cause: process ")
    assert hint.startswith('hint: stop it, or choose a port with `host="127.0.0.1", port=')


def test_hooks_of_the_app_are_called(run: Run) -> None:
    text = """
    uncork.on_worker_start(lambda: print("started", flush=True))
    uncork.on_shutdown(lambda: print("shut down", flush=True))
    uncork.run(app, port=0)
    print("returned")
    """
    with run(text) as script:
        assert script.get()[0] == 200
        assert script.stop() == 0
    places = [script.log().index(word) for word in ("started", "ready", "shut down", "returned")]
    assert places == sorted(places)


def test_settings_hold_and_those_of_a_supervisor_say_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "uncork.toml").write_text("admin = '127.0.0.1:1'\nworkers = 3\nmax_body = '10'\n")
    (tmp_path / ".env").write_text("COLOUR=red\n")
    text = """
    app.post("/")(lambda: request.data)
    @app.get("/colour")
    def colour():
        return os.environ.get("COLOUR", "none")
    uncork.run(app, port=0)
    """
    with run(text) as script:
        assert script.get("/colour")[1] == "red"
        with pytest.raises(urllib.request.HTTPError, match="413"):
            urllib.request.urlopen(script.url, data=b"x" * 11, timeout=20)
    assert "note: no effect in `uncork.run()`, only under `uncork serve`: uncork.toml:1" in (
        script.log()
    )


def test_while_flask_runs_a_command_it_does_nothing(run: Run) -> None:
    with run("uncork.run(app, port=0)\n", env={"FLASK_RUN_FROM_CLI": "true"}) as script:
        assert script.wait() == 0
    assert "was passed over: `flask` runs a command of its own" in script.log()
    env = {"FLASK_RUN_FROM_CLI": "true", "WERKZEUG_RUN_MAIN": "true"}
    with run("uncork.run(app, port=0)\n", env=env) as script:
        assert script.wait() == 0
    assert script.log() == ""


def test_flask_run_serves_the_module_that_calls_it(run: Run, tmp_path: Path) -> None:
    run("uncork.run(app, port=0)\n")
    with Script("-m", "flask", "--app", "hello", "run", "--port=0", directory=tmp_path) as script:
        script.wait_for_log("Running on http://")
    assert "was passed over: `flask` runs a command of its own" in script.log()
