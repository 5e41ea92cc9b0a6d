"""A development server while it runs, as a client sees it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.reloading.columns import Column
from benchmarks.reloading.project import Project
from benchmarks.servers.running import free_port

START_SECONDS = 30.0
POLL_SECONDS = 0.005
_ANSWER_SECONDS = 10.0
_END_SECONDS = 5.0
_INHERITED = ("PATH", "HOME", "LANG")


class NotServed(Exception):
    """The server did not come so far as to answer."""


@dataclass(frozen=True)
class Answer:
    """What came back; `status` is `None` without an answer."""

    status: int | None
    text: str

    @property
    def value(self) -> str:
        """What the module that is edited says."""
        return self.text.partition(" ")[0] if self.status == 200 else ""


class Observed:
    """Runs the server of a column in a project while its `with` block runs.

    Entering waits until the app answers.

    Raises:
        NotServed: It does not.
    """

    def __init__(
        self, column: Column, project: Project, variables: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self._command = column.command(self.port)
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        own = {**project.variables, **column.variables, **(variables or {})}
        self._environment = inherited | own
        self._folder = project.folder
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        if not self.until(lambda: self.get("/").status == 200, START_SECONDS):
            text = self._log_end()
            self._end()
            raise NotServed(text)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def has_ended(self) -> bool:
        """Whether the process that was started is gone."""
        return self._process.poll() is not None

    def get(self, target: str) -> Answer:
        """The answer on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException):
            return Answer(None, "")
        finally:
            connection.close()

    def until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Whether it comes to be so in time, while the server lives."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline or self.has_ended:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def seconds_until_value(self, value: str, limit: float) -> float | None:
        """How long until the app answers with a value; `None`: not in time."""
        started = time.monotonic()
        if self.until(lambda: self.get("/").value == value, limit):
            return time.monotonic() - started
        return None

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
