"""`make demo` on a terminal: Ctrl+C stops the server, and make does not call that a failure."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.components import program

FOREGROUND = Path(__file__).parents[3] / ".ci" / "foreground.py"
SERVER = """\
import signal, sys
wanted = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
print(signal.Signals(signal.sigwait(wanted)).name, flush=True)
sys.exit(int(sys.argv[1]))
"""


class Terminal:
    """A terminal that `make` runs in, with a server that ends with `exit_code`."""

    def __init__(self, folder: Path, *, exit_code: int = 0) -> None:
        (folder / "server.py").write_text(SERVER)
        (folder / "Makefile").write_text(
            f"demo:\n\t@exec {sys.executable} {FOREGROUND} {sys.executable} server.py {exit_code}\n"
        )
        self.keyboard, self._slave = pty.openpty()
        # The first terminal that the leader of a session opens becomes that of the session.
        on_terminal = f'exec 0<>{os.ttyname(self._slave)} >&0 2>&0; exec "$@"'
        self.make = subprocess.Popen(
            ["sh", "-c", on_terminal, "sh", program("make"), "demo"],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            start_new_session=True,
        )
        self.shown = b""

    def wait_for(self, text: bytes) -> None:
        while text not in self.shown:
            self.shown += os.read(self.keyboard, 4096)

    def close(self) -> None:
        self.make.kill()
        self.make.wait()
        os.close(self.keyboard)
        os.close(self._slave)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.close()


@pytest.mark.slow
def test_ctrl_c_ends_the_server_and_make_with_0(terminal: Terminal) -> None:
    terminal.wait_for(b"ready")
    os.write(terminal.keyboard, b"\x03")
    terminal.wait_for(b"SIGINT")
    assert terminal.make.wait() == 0


@pytest.mark.slow
def test_term_to_make_ends_the_server_too(terminal: Terminal) -> None:
    terminal.wait_for(b"ready")
    terminal.make.terminate()
    terminal.wait_for(b"SIGTERM")
    assert terminal.make.wait() == -signal.SIGTERM


@pytest.mark.slow
def test_a_failure_of_the_server_is_one_of_make(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, exit_code=4)
    terminal.wait_for(b"ready")
    os.write(terminal.keyboard, b"\x03")
    assert terminal.make.wait() == 2
    terminal.close()


def test_without_a_terminal_it_becomes_the_command() -> None:
    command = [sys.executable, FOREGROUND, sys.executable, "-c", "import os; print(os.getpid())"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.read()) == process.pid
