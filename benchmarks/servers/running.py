"""A server's process while a load runs: pinned, watched, and ended with all its children."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.measure.process_tree import ProcessTree
from benchmarks.samples import Disqualified
from benchmarks.servers.server import Server

APPS = Path(__file__).parents[1] / "apps"
LISTEN_SECONDS = 20.0
_END_SECONDS = 5.0
_LAST_WORDS_SECONDS = 0.5
_PORTS = range(20_000, 30_000)  # below those that Linux gives to clients
_INHERITED = ("PATH", "HOME", "LANG")


@dataclass(frozen=True)
class Bench:
    """What is the same for every load and every server of a run."""

    seconds: float
    server_core: int
    load_core: int
    steps_per_millisecond: int

    def environment(self) -> dict[str, str]:
        """The variables of every server; the machine's own settings do not reach them."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return inherited | {
            "PYTHONPATH": str(APPS),
            "BENCHMARK_STEPS_PER_MILLISECOND": str(self.steps_per_millisecond),
        }


class RunningServer:
    """Runs `server` with `app` on the server's core while its `with` block runs.

    Entering waits until the port takes connections; the application may come later.

    Raises:
        Disqualified: It did not listen, or it had ended before the block did.
    """

    def __init__(self, server: Server, app: str, bench: Bench) -> None:
        self.port = free_port()
        self.started = 0.0  # by the monotonic clock
        self._command = ["taskset", "--cpu-list", str(bench.server_core)]
        self._command += server.command(app, self.port)
        self._environment = bench.environment()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=APPS,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.tree = ProcessTree(self._process.pid)
        try:
            self._wait_until_listening(self.started + LISTEN_SECONDS)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A server that fails breaks its connections first, and ends a little later.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WORDS_SECONDS if error else 0)
        has_ended = self._process.poll() is not None
        text = self._log_end()
        self._end()
        if has_ended:
            raise Disqualified(f"the server ended by itself: {text}") from error

    def _wait_until_listening(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise Disqualified(f"the server did not start: {self._log_end()}")
            with (
                suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), LISTEN_SECONDS),
            ):
                return
            time.sleep(0.001)
        raise Disqualified(f"not listening within {LISTEN_SECONDS:g} s: {self._log_end()}")

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        # The session is the server's own, so this reaches nothing else.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def _log_end(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to no client."""
    # Deliberately not: port 0. A client that connects to a free port of that range, again and
    # again until the server listens, may one day be given the same port, and meet itself.
    for port in random.sample(_PORTS, len(_PORTS)):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
