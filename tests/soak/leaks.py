"""Millions of requests and of aborted ones, and what the server holds after each part of them.

`make soak` runs it: every kind of request by wrk, one after the other in each part, then
connections that are reset in the middle. It ends with 1 when memory or descriptors have grown
since the end of the first part, in which everything was used for the first time.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import APPS
from tests.support.live_server import LiveServer
from tests.support.processes import count_descriptors, memory_bytes

_MEBIBYTE = 1024 * 1024
_MAY_GROW_BYTES = 8 * _MEBIBYTE
_CONNECTIONS = 64
_PATIENCE_SECONDS = 60.0
_POST = 'wrk.method = "POST"; wrk.body = string.rep("x", 2000)'


@dataclass(frozen=True)
class Kind:
    """Some of the requests: what share of all they are, their path, and what wrk is told."""

    share: float
    path: str
    script: str = ""


KINDS = (
    Kind(0.6, "/"),
    Kind(0.2, "/", _POST),
    Kind(0.2, "/streamed"),
    # Each of these has its traceback in the log: a second of them in each part is plenty.
    Kind(0.0, "/raises"),
    Kind(0.0, "/broken"),
)


def main() -> None:
    """Runs as many requests as were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--aborted", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=10, help="how often to look")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        LiveServer("soaking:app", directory=APPS) as server,
    ):
        program = _compile(Path(folder))
        _look(server, "at the start")

        def abort(count: int) -> int:
            return _abort(program, server.addresses[0][1], count)

        has_grown = [
            _repeat(server, "requests", asked.requests, asked.parts, lambda n: _load(server, n)),
            _repeat(server, "aborted connections", asked.aborted, asked.parts, abort),
        ]
    sys.exit(1 if any(has_grown) else 0)


def _repeat(
    server: LiveServer, what: str, count: int, parts: int, do: Callable[[int], int]
) -> bool:
    """Whether the server has grown between the end of the first part and that of the last."""
    done = 0
    states = []
    at_first = count_descriptors(server)
    for _ in range(parts):
        started = time.monotonic()
        of_part = do(count // parts)
        done += of_part
        rate = of_part / (time.monotonic() - started)
        _wait_until_let_go(server, at_first)
        states.append(_look(server, f"after {done:,} {what} ({rate:,.0f}/s)"))
    memory, descriptors = (last - first for first, last in zip(states[0], states[-1], strict=True))
    return memory > _MAY_GROW_BYTES or descriptors > 2


def _look(server: LiveServer, when: str) -> tuple[int, int]:
    memory, descriptors = memory_bytes(server), count_descriptors(server)
    print(f"{memory / _MEBIBYTE:7.1f} MiB, {descriptors:4} descriptors {when}", flush=True)
    return memory, descriptors


def _load(server: LiveServer, count: int) -> int:
    """Runs at least `count` requests, of all kinds; how many were answered."""
    total = 0
    for kind in KINDS:
        done, seconds = 0, 1
        while done < max(1, kind.share * count):
            answered = _wrk(server, kind, seconds)
            done += answered
            # One second at a time, or as many as are left at this rate.
            seconds = max(1, int((kind.share * count - done) * seconds / max(1, answered)))
        total += done
    return total


def _wrk(server: LiveServer, kind: Kind, seconds: int) -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(kind.script)
        script.flush()
        command = ["wrk", "--threads=1", f"--connections={_CONNECTIONS}", f"--duration={seconds}s"]
        command += ["--script", script.name, server.url + kind.path]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counts = re.findall(r"(?:(\d+) requests in|errors: connect 0, read (\d+))", output)
    return sum(int(count) for pair in counts for count in pair if count)


def _compile(folder: Path) -> Path:
    program = folder / "aborting-clients"
    source = Path(__file__).with_name("aborting_clients.c")
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


def _abort(program: Path, port: int, count: int) -> int:
    done = subprocess.run(
        [program, str(port), str(count)], stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout)


def _wait_until_let_go(server: LiveServer, descriptors: int) -> None:
    """Returns once the server has noticed that everybody has gone, or has had time for it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while server.count_connections() > 0 or count_descriptors(server) > descriptors:
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


if __name__ == "__main__":
    main()
