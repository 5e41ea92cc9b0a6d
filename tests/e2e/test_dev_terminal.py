"""`uncork dev` on a terminal: keys, job control, and debuggers that ask something."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.support.dev_session import DevSession

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

APP = """\
import code, os, threading

def app(environ, start_response):
    path = environ["PATH_INFO"]
    text = f"pid {os.getpid()}"
    if path == "/pdb":
        number = 41
        breakpoint()
        text = f"number {number}"
    elif path == "/input":
        text = f"{ask('first? ')} and {ask('second? ')}"
    elif path == "/console":
        code.interact(banner="console", exitmsg="left", local={"six": 6})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]

def ask(question):
    return input(question)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def test_keys_restart_help_and_quit_and_the_terminal_is_left_as_it_was(folder: Path) -> None:
    with DevSession(folder) as session:
        assert session.is_cooked
        session.begin()
        session.wait_for_keys()
        session.type("h")
        session.wait_for_text("r  restart the app")
        session.type("r")
        session.wait_for_text("restarted by hand")
        session.type("\r")
        session.wait_for_text("ms)\n\n")
        session.type("q")
        assert session.wait_for_end() == 0
        assert session.is_cooked
        assert "stopped\n" in session.screen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was_too(folder: Path, number: int) -> None:
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_keys()
        os.kill(session.process.pid, number)
        assert session.wait_for_end() == 0
        assert session.is_cooked


def test_a_debugger_in_a_view_has_the_terminal_and_keys_are_silent(folder: Path) -> None:
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_keys()
        answer = session.request("/pdb")
        session.wait_for_text("(Pdb) ")
        # Typed ahead: each of these would be a key, if it were one.
        session.type("p 'r'\rp 'o'\rnumber = 42\rp 'q'\rc\r")
        session.wait_for(lambda: answer.text is not None, "the answer")
        assert answer.text == "number 42"
        session.wait_for_keys()
        assert "restarted" not in session.screen
        session.type("r")
        session.wait_for_text("restarted by hand")
        session.type("q")
        assert session.wait_for_end() == 0


def test_what_asks_with_input_or_with_a_console_has_it_one_after_the_other(folder: Path) -> None:
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_keys()
        first = session.request("/input")
        session.wait_for_text("first? ")
        second = session.request("/console")
        session.type("eins\r")
        session.wait_for_text("second? ")
        assert ">>> " not in session.screen
        session.type("zwei\r")
        session.wait_for(lambda: first.text is not None, "the first answer")
        assert first.text == "eins and zwei"
        session.wait_for_text(">>> ")
        session.type("six * 7\r")
        session.wait_for_text("42")
        # An end that is typed before anybody reads is lost when `readline` begins to.
        session.wait_for_text(">>> ", times=2)
        session.type("\x04")
        session.wait_for(lambda: second.text is not None, "the second answer")
        session.wait_for_keys()
        session.type("q")
        assert session.wait_for_end() == 0


def test_a_reload_leaves_a_debugger_alone_and_new_code_is_served_beside_it(folder: Path) -> None:
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_keys()
        old = session.request("/pdb")
        session.wait_for_text("(Pdb) ")
        new_code = folder / "new"
        new_code.write_text(APP.replace('f"pid ', 'f"new pid '))
        new_code.rename(folder / "hello.py")
        session.wait_for_text("hello.py changed: reloaded")
        new = session.request("/")
        session.wait_for(lambda: new.text is not None, "the answer of the new code")
        assert str(new.text).startswith("new pid ")
        session.type("c\r")
        session.wait_for(lambda: old.text is not None, "the answer of the old code")
        assert old.text == "number 41"
        session.wait_for_keys()
        session.type("q")
        assert session.wait_for_end() == 0


def test_ctrl_c_ends_a_server_with_somebody_in_the_debugger(folder: Path) -> None:
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_keys()
        session.request("/pdb")
        session.wait_for_text("(Pdb) ")
        session.type("\x03")
        session.wait_for_text("cutting off 1 request")
        assert session.wait_for_end() == 0
        assert session.is_cooked


def test_a_worker_that_dies_in_the_debugger_gives_the_terminal_back(folder: Path) -> None:
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_keys()
        answer = session.request("/")
        session.wait_for(lambda: answer.text is not None, "the answer")
        session.request("/pdb")
        session.wait_for_text("(Pdb) ")
        os.kill(int(re.findall(r"\d+", str(answer.text))[0]), signal.SIGKILL)
        session.wait_for_keys()
        session.type("r")
        session.wait_for_text("restarted by hand")
        session.type("q")
        assert session.wait_for_end() == 0


def test_a_breakpoint_at_import_may_take_longer_than_an_app_may_to_load(folder: Path) -> None:
    (folder / "uncork.toml").write_text('boot_timeout = "1s"\n')
    (folder / "hello.py").write_text(f"number = 7\nbreakpoint()\n{APP}")
    with DevSession(folder) as session:
        session.wait_for_text("(Pdb) ")
        until = time.monotonic() + 3.0
        session.wait_for(lambda: time.monotonic() > until, "more than the time to load")
        session.type("c\r")
        session.wait_for_text("for production:")
        session.wait_for_keys()
        assert "boot_timeout" not in session.screen
        session.type("q")
        assert session.wait_for_end() == 0


def test_ctrl_z_and_fg_with_keys_and_with_a_debugger(folder: Path) -> None:
    with DevSession(folder, in_shell=True) as session:
        session.begin()
        session.wait_for_keys()
        session.type("\x1a")
        session.wait_for_text("Stopped")
        session.type("stty -a | grep -o ' ec[h]o '\r")
        session.wait_for_text(" echo \n")
        session.type("fg\r")
        session.wait_for_keys()
        session.type("r")
        session.wait_for_text("restarted by hand")
        answer = session.request("/pdb")
        session.wait_for_text("(Pdb) ")
        session.type("number = 1\r")
        session.wait_for_text("(Pdb) ", 2)
        session.type("\x1a")
        session.wait_for_text("Stopped", 2)
        session.type("fg\r")
        session.wait_for(lambda: not session.is_in_shell, "the foreground")
        session.type("c\r")
        session.wait_for(lambda: answer.text is not None, "the answer")
        assert answer.text == "number 1"
        session.wait_for_keys()
        session.type("q")
        session.wait_for(lambda: session.is_in_shell, "the shell")


def test_in_the_background_nothing_is_read_and_fg_brings_the_keys(folder: Path) -> None:
    with DevSession(folder, in_shell=True, background=True) as session:
        session.begin()
        session.type("echo th''is is for the shell\r")
        session.wait_for_text("this is for the shell")
        answer = session.request("/pdb")
        session.wait_for_text("`fg` lets you do that")
        session.type("jobs\r")
        session.wait_for_text("Running")
        session.type("fg\r")
        session.wait_for_text("(Pdb) ")
        session.type("c\r")
        session.wait_for(lambda: answer.text is not None, "the answer")
        session.wait_for_keys()
        session.type("q")
        session.wait_for(lambda: session.is_in_shell, "the shell")


def test_it_ends_when_its_terminal_is_closed(folder: Path) -> None:
    with DevSession(folder) as session:
        session.begin()
        session.wait_for_keys()
        session.hang_up()
        assert session.wait_for_end() == 0
