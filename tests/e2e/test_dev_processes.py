"""`[tool.uncork.dev.processes]`: commands that run beside the app in `uncork dev`."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.dev_session import DevSession, alive
from tests.support.live_server import server_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

APP = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""
# Writes down the numbers of its processes: its own, a child's that ignores TERM, and one's that
# has left the group.
FAMILY = """\
trap '' TERM
: > alive.$$
sh -c ': > alive.$$; trap "" TERM; echo child runs; while :; do sleep 1; done' &
setsid sh -c ': > alive.$$; trap "" TERM; echo other runs; while :; do sleep 1; done' &
while :; do sleep 1; done
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    (tmp_path / "family.sh").write_text(FAMILY)
    return tmp_path


def settings(folder: Path, lines: str) -> None:
    new = folder / "new.toml"
    new.write_text(f"[dev.processes]\n{lines}\n")
    new.rename(folder / "uncork.toml")


def wait_for_family(session: DevSession, folder: Path) -> None:
    session.wait_for_text("child runs")
    session.wait_for_text("other runs")
    session.wait_for(lambda: len(alive(folder, "alive")) == 3, "three processes")


def test_they_run_beside_the_app_with_their_names_before_what_they_print(folder: Path) -> None:
    settings(
        folder,
        """\
css = ["sh", "-c", "test -t 1 && printf '\\\\033[2J\\\\033[31mfor %s' $UNCORK_URL; sleep 60"]
mails = ["sh", "-c", "echo more >&2; exit 3"]""",
    )
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_text(f"css   | for {session.url}\n")
        session.wait_for_text("mails | more\n")
        session.wait_for_text("`mails` (`sh -c 'echo more >&2; exit 3'`) ended with exit code 3")
        session.type("r")
        session.wait_for_text("mails | more\n", 2)
        session.type("q")
        assert session.wait_for_end() == 0
        assert session.screen.count("css   | for") == 1


def test_one_that_can_t_be_started_is_told_and_the_rest_goes_on(folder: Path) -> None:
    settings(folder, 'css = "no-such-program --watch"\nmails = ["sh", "-c", "echo runs; sleep 60"]')
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_text("mails | runs")
        session.wait_for_text("error: `css` could not be started\n")
        session.wait_for_text("cause: there is no program `no-such-program`\n")
        session.type("q")
        assert session.wait_for_end() == 0


def test_a_change_of_the_settings_starts_anew_what_has_changed(folder: Path) -> None:
    settings(folder, 'a = ["sh", "-c", "echo old; sleep 60"]\nb = ["sh", "-c", "echo b; sleep 60"]')
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_text("a | old")
        session.wait_for_text("b | b")
        settings(
            folder,
            """\
a = ["sh", "-c", "echo new; exit 1"]
b = ["sh", "-c", "echo b; sleep 60"]
c = {run = ["sh", "-c", "echo again; exit 0"], restart = "always"}""",
        )
        session.wait_for_text("a | new")
        session.wait_for_text("c | again", 2)
        assert session.screen.count("b | b") == 1
        settings(folder, 'b = ["sh", "-c", "echo b; sleep 60"]')
        session.wait_for_text("uncork.toml changed", 2)
        session.type("q")
        assert session.wait_for_end() == 0


def test_ctrl_c_ends_all_that_has_come_of_them(folder: Path) -> None:
    settings(folder, 'family = "sh family.sh"')
    with DevSession(folder) as session:
        session.begin()
        wait_for_family(session, folder)
        session.type("\x03")
        assert session.wait_for_end() == 0
        assert not alive(folder, "alive")


def test_ctrl_c_again_does_so_at_once(folder: Path) -> None:
    settings(folder, 'family = "sh family.sh"')
    with DevSession(folder) as session:
        session.begin()
        wait_for_family(session, folder)
        session.type("\x03")
        session.wait_for_text("Ctrl+C again stops at once")
        # One that comes within half a second is the same one, come twice.
        until = time.monotonic() + 0.6
        session.wait_for(lambda: time.monotonic() > until, "a moment")
        session.type("\x03")
        assert session.wait_for_end() == 0
        assert not alive(folder, "alive")


def test_nothing_is_left_when_the_supervisor_is_killed(folder: Path) -> None:
    settings(folder, 'family = "sh family.sh"')
    with DevSession(folder) as session:
        session.begin()
        wait_for_family(session, folder)
        os.kill(session.process.pid, signal.SIGKILL)
        session.wait_for(lambda: not alive(folder, "alive"), "the end of all of them")


def test_what_floods_or_is_no_text_disturbs_neither_the_terminal_nor_a_stop(folder: Path) -> None:
    code = "import os\nwhile True: os.write(1, os.urandom(60) * 1000)"
    (folder / "flood.py").write_text(code)
    settings(folder, f'flood = ["{sys.executable}", "flood.py"]\nyes = "yes flooding"')
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_text("yes   | flooding", 100)
        answer = session.request("/")
        session.wait_for(lambda: answer.text == "ok", "the answer")
        session.type("\x03")
        assert session.wait_for_end() == 0
        shown = session.screen
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown.replace("\r", ""))
        assert session.is_cooked


def test_without_a_terminal_they_write_to_a_pipe_without_colours(folder: Path) -> None:
    import subprocess

    settings(folder, 'a = ["sh", "-c", "test -t 1 || printf \'\\\\033[31mpipe\'; sleep 60"]')
    command = [sys.executable, "-m", "uncork", "dev", "hello.py", "--host=127.0.0.1", "--port=0"]
    with subprocess.Popen(
        command, cwd=folder, env=server_environment(None), stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        assert any(line == "a | pipe\n" for line in server.stderr)
        server.send_signal(signal.SIGTERM)
        server.stderr.read()
    assert server.returncode == 0
