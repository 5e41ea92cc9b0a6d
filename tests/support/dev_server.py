"""A real `uncork dev` in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.live_server import LiveServer

_READY = re.compile(r"^uncork .* (has .* ready in|waits for the app)", re.MULTILINE)
_ADDRESS = re.compile(r"https?://(127\.0\.0\.1):(\d+)")
# A machine that is busy takes its time to start Python.
_SECONDS = 25.0


class DevServer(LiveServer):
    """Runs `uncork dev ARGUMENTS` on a free port while its `with` block runs.

    With an empty `address`, the app decides.
    """

    def __init__(
        self,
        *arguments: str,
        directory: Path,
        env: Mapping[str, str] | None = None,
        waits_until_ready: bool = True,
        exit_code: int = 0,
        address: tuple[str, ...] = ("--host=127.0.0.1", "--port=0"),
    ) -> None:
        self._address = address
        super().__init__(
            *arguments,
            directory=directory,
            env=env,
            sockets=0,
            waits_until_ready=waits_until_ready,
            exit_code=exit_code,
        )

    def wait_until_ready(self) -> None:
        """Returns once the banner was shown, and files are watched."""
        self.wait_for(lambda: _READY.search(self.log()) is not None, "the banner was shown")
        found = _ADDRESS.search(self.log())
        assert found is not None, self.log()
        self.addresses = [(found[1], int(found[2]))]

    def wait_for(
        self, condition: Callable[[], bool], what: str, *, seconds: float = _SECONDS
    ) -> None:
        """Returns once `condition()` holds."""
        super().wait_for(condition, what, seconds=seconds)

    def text(self, target: str = "/") -> str:
        """The body of an answer."""
        with self.client(timeout_seconds=_SECONDS) as client:
            return client.get(target).body.decode()

    def wait_for_text(self, text: str, target: str = "/") -> None:
        """Returns once `text` stands in the answer."""
        self.wait_for(lambda: text in self.text(target), f"{target} answered {text!r}")

    def _command(self, descriptors: list[int]) -> list[str]:
        del descriptors
        return ["dev", *self._address]
