"""`uncork top`: on a terminal, into a pipe, and on every way out."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.live_server import LiveServer, run_uncork, server_environment, uncork_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(40)]

APP = """\
def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        print("got /wait", flush=True)
        open("gate").read()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hi"]
"""
NOWHERE = {"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": "", "TERM": "xterm"}
ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l"
DEADLINE_SECONDS = 15.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


class Terminal:
    """A command that has a terminal of its own."""

    def __init__(self, server: LiveServer, columns: int = 120, rows: int = 30) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [*uncork_command(server.directory), "top", str(server.pid)],
            cwd=server.directory,
            env=server_environment(NOWHERE),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (one thread)
        )
        self._slave = slave
        self.seen = b""

    def __enter__(self) -> Self:
        self.wait_for(lambda: b"q leaves" in self.seen, "it was shown")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def last_screen(self) -> list[str]:
        """The lines of the screen that was drawn last, without what moves the cursor."""
        text = self.seen.rpartition(b"\x1b[J")[0].rpartition(b"\x1b[H")[2]
        return text.replace(b"\x1b[K", b"").decode().split("\r\n")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"not in time: {what}\n{self.seen!r}"
            if select.select([self._master], [], [], 0.05)[0]:
                self.seen += os.read(self._master, 65536)

    def assert_is_as_before(self) -> None:
        self.wait_for(lambda: self.process.poll() is not None, "it ended")
        self.wait_for(lambda: self.seen.rstrip().endswith(LEFT), "the screen was left")
        assert termios.tcgetattr(self._slave) == self.before
        assert self.seen.count(ENTERED) == self.seen.count(LEFT)


@pytest.mark.parametrize(
    ("leave", "exit_code"),
    [
        (lambda terminal: terminal.type(b"q"), 0),
        (lambda terminal: terminal.type(b"\x03"), 0),
        (lambda terminal: terminal.process.send_signal(signal.SIGTERM), 128 + signal.SIGTERM),
        (lambda terminal: terminal.process.send_signal(signal.SIGHUP), 128 + signal.SIGHUP),
    ],
    ids=["q", "Ctrl+C", "TERM", "HUP"],
)
def test_the_terminal_is_as_before_on_every_way_out(
    folder: Path, leave: Callable[[Terminal], None], exit_code: int
) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        Terminal(server) as terminal,
    ):
        assert termios.tcgetattr(terminal._slave) != terminal.before
        leave(terminal)
        terminal.assert_is_as_before()
        assert terminal.process.returncode == exit_code


def test_it_is_left_with_an_error_when_the_server_is_killed(folder: Path) -> None:
    server = LiveServer("hello:app", directory=folder, env=NOWHERE, exit_code=-signal.SIGKILL)
    with server, Terminal(server) as terminal:
        os.kill(server.pid, signal.SIGKILL)
        terminal.wait_for(lambda: terminal.process.poll() is not None, "it ended")
        assert terminal.process.returncode == 4
        terminal.wait_for(
            lambda: b"no server could be reached" in terminal.seen.rpartition(LEFT)[2],
            "it said why",
        )
        assert termios.tcgetattr(terminal._slave) == terminal.before


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        Terminal(server) as terminal,
    ):
        terminal.process.send_signal(signal.SIGTSTP)
        # Nobody stops a process of an orphaned group; it goes on at once.
        terminal.wait_for(lambda: terminal.seen.count(ENTERED) == 2, "it went on")
        assert terminal.seen.count(LEFT) == 1
        terminal.type(b"q")
        terminal.assert_is_as_before()


def test_it_fills_the_terminal_and_follows_its_size(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        server.client() as client,
        Terminal(server) as terminal,
    ):
        client.send(b"GET /wait?for=it HTTP/1.1\r\nHost: test\r\n\r\n")
        terminal.wait_for(lambda: "/wait?for=it" in "".join(terminal.last_screen()), "it ran")
        assert len(terminal.last_screen()) == 30
        assert terminal.last_screen()[-1] == "q leaves"
        assert terminal.last_screen()[0].startswith(f"`hello:app`, process {server.pid} serves")
        terminal.resize(40, 10)
        terminal.wait_for(lambda: len(terminal.last_screen()) == 10, "it was smaller")
        assert max(map(len, terminal.last_screen())) == 40
        terminal.resize(200, 50)
        terminal.wait_for(lambda: len(terminal.last_screen()) == 50, "it was larger")
        terminal.resize(1, 1)
        terminal.wait_for(lambda: len(terminal.last_screen()) == 1, "there was one character")
        (folder / "gate").write_text("open")
        assert client.read_response().status == 200
        terminal.type(b"q")
        terminal.assert_is_as_before()


def test_it_says_what_was_done_in_the_last_second(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        server.client() as client,
        Terminal(server) as terminal,
    ):
        terminal.wait_for(lambda: "no answer in the last second" in terminal.last_screen(), "none")

        def is_seen() -> bool:
            assert client.get("/").status == 200
            rates, times = terminal.last_screen()[1:3]
            return not rates.startswith("0.0 requests/s") and times.startswith("answers took: half")

        terminal.wait_for(is_seen, "they were counted")


def test_it_goes_on_after_a_restart(folder: Path) -> None:
    with (
        LiveServer("hello:app", directory=folder, env=NOWHERE) as server,
        Terminal(server) as terminal,
    ):
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("reloaded: generation 2 serves")
        worker = server.worker_pids[-1]
        terminal.wait_for(lambda: f" {worker} " in "".join(terminal.last_screen()), "it went on")
        terminal.type(b"q")
        terminal.assert_is_as_before()


def test_once_and_into_a_pipe_it_is_plain_text(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, env=NOWHERE) as server:
        once = run_uncork("top", "--once", str(server.pid), directory=folder, env=NOWHERE)
        assert once.exit_code == 0
        assert once.stdout.startswith(f"`hello:app`, process {server.pid} serves, started ")
        assert "\x1b" not in once.stdout
        assert str(server.worker_pid) in once.stdout
        told = run_uncork("top", "--once", "--json", str(server.pid), directory=folder, env=NOWHERE)
        assert json.loads(told.stdout)["status"]["pid"] == server.pid
        command = [*uncork_command(folder), "top", str(server.pid)]
        with subprocess.Popen(
            command,
            cwd=folder,
            env=server_environment(NOWHERE),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as running:
            assert running.stdout is not None
            begun = 0
            while begun < 3:
                line = running.stdout.readline()
                begun += line.startswith("`hello:app`, process")
                assert line
                assert "\x1b" not in line
            running.stdout.close()  # as `head` does
            assert running.wait(DEADLINE_SECONDS) == 0
