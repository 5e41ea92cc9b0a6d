"""A script of the user's in a process of its own, which serves with `uncork.run`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.live_server import server_environment, skip_without_native_core

DEADLINE_SECONDS = 30.0
_READY = re.compile(r"^ready\b|^uncork .* (has .* ready in|waits for the app)", re.MULTILINE)
_URL = re.compile(r"https?://[^\s,]+")


class Script:
    """Runs `python ARGUMENTS` while its `with` block runs; kills what is left at the end.

    Args:
        arguments: What follows `python`, such as "hello.py".
        directory: The working directory.
        env: Variables to add.
    """

    def __init__(
        self, *arguments: str, directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        skip_without_native_core()
        self._arguments = arguments
        self._directory = directory
        self._env = server_environment(env)
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, *self._arguments],
            cwd=self._directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="script-log", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        if error is not None:
            error.add_note(f"--- log ---\n{self.log()}--- end of log ---")

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    @property
    def url(self) -> str:
        """The first address of the banner, once it is there, without a trailing slash."""
        self.wait_for(lambda: _READY.search(self.log()) is not None, "it was ready")
        return str(_URL.findall(self.log())[0]).rstrip("/")

    def log(self) -> str:
        """Everything that was written so far, stdout and stderr together."""
        return "".join(self._lines)

    def wait_for_log(self, text: str) -> None:
        """Returns once `text` stands in the log."""
        self.wait_for(lambda: text in "\n" + self.log(), f"the log had {text!r}")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Returns once `condition()` holds.

        Raises:
            AssertionError: It did not hold in time, or the script ended before.
        """
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            has_ended = not self._reader.is_alive()
            if condition():
                return
            assert not has_ended, f"the script ended before {what}"
            assert time.monotonic() < deadline, f"{DEADLINE_SECONDS} s went by before {what}"
            time.sleep(0.01)

    def get(self, path: str = "/", *, accept: str = "*/*") -> tuple[int, str]:
        """The status and the body of an answer."""
        request = urllib.request.Request(self.url + path, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """The exit code, after sending the signal and waiting for the end."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once the script has ended."""
        exit_code = self._process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        return exit_code

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line)
