"""Run in processes of their own: that of the tests has threads and connections of anybody's."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="`/proc`")

CODE = """
import os, select, signal, socket, sqlite3, subprocess, sys, threading
from uncork.supervisor import fork_safety
known = fork_safety.open_descriptors()
waiting = threading.Event()
{code}
print(fork_safety.what_forbids_a_fork({known}, known))
os._exit(0)
"""
WAITING = "thread = threading.Thread(target=waiting.wait, name='scheduler'); thread.start()"
LISTEN = "listener = socket.create_server(('127.0.0.1', 0)); port = listener.getsockname()[1]"


def reason(code: str, known: str = "[]") -> str:
    command = [sys.executable, "-c", CODE.format(code=code, known=known)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "",
        "thread = threading.Thread(target=int); thread.start(); thread.join()",
        LISTEN,
        "own = socket.socket()",
        "file = open('/etc/passwd')",
        "pipe = os.pipe()",
        "base = sqlite3.connect(':memory:')",
        # As `logging.handlers.SysLogHandler` has it.
        "log, own = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    ],
)
def test_nothing_is_in_the_way(code):
    assert reason(code) == "None"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (WAITING, "the app started thread `scheduler`"),
        ("child = subprocess.Popen(['sleep', '9'])", "the app started process "),
        (
            f"{LISTEN}; own = socket.create_connection(('127.0.0.1', port))",
            "the app has a connection to `127.0.0.1:",
        ),
        (
            f"{LISTEN}; own = socket.socket(type=socket.SOCK_DGRAM); "
            "own.connect(('127.0.0.1', port))",
            "the app has a connection to `127.0.0.1:",
        ),
        ("one, other = socket.socketpair()", "the app has a pair of sockets open"),
        ("events = select.epoll()", "the app has an event loop open"),
        ("signal.alarm(9)", "the app set a timer of `signal`"),
    ],
)
def test_what_does_not_outlive_a_fork_is_named(code, expected):
    assert reason(code).startswith(expected)


def test_a_database_of_sqlite_is_named(tmp_path):
    code = (
        f"base = sqlite3.connect({str(tmp_path / 'notes.db')!r})\n"
        "base.execute('create table notes (text)'); base.commit()"
    )
    assert reason(code) == "the app has the database `notes.db` open"


@pytest.mark.parametrize("kind", ["TemporaryDirectory", "NamedTemporaryFile"])
def test_what_goes_with_the_first_process_that_ends_is_named(tmp_path, kind):
    code = f"import tempfile; made = tempfile.{kind}(dir={str(tmp_path)!r})"
    assert reason(code).startswith(f"the app made `{tmp_path}")
    assert reason(f"{code}\nmade.__exit__(None, None, None)") == "None"


def test_threads_that_will_have_gone_are_not_in_the_way():
    assert reason(WAITING, "[thread.native_id]") == "None"


def test_what_was_open_before_the_app_was_loaded_is_not_in_the_way():
    code = f"{LISTEN}\nown = socket.socketpair()\nknown = fork_safety.open_descriptors()"
    assert reason(code) == "None"
