"""The physical limit: an epoll loop in C that answers constant bytes, unread and without Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.servers.server import SUITE_BIN, Server

KEY = "bare-loop"
PROGRAM = SUITE_BIN / KEY
_SOURCE = Path(__file__).with_suffix(".c")
_BODIES = {"plain:hello": "Hello, world!", "plain:ten_kib": "x" * 10_240}


def compile_bare_loop() -> None:
    """Compiles the program into the suite's environment.

    Raises:
        RuntimeError: There is no C compiler, or it failed; the text says which.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("there is no C compiler")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(PROGRAM), str(_SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())


def _command(app: str, port: int) -> list[str]:
    return [str(PROGRAM), str(port), _BODIES[app]]


BARE_LOOP = Server(KEY, "bare epoll loop", _command, python=None)
