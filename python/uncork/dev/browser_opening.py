"""Opens a page in the user's browser, by a process that has nothing to do with the terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from uncork import console
from uncork.supervisor.channel import Channel
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import fork_process
from uncork.supervisor.supervisor_signals import hear_from_here

Fork = Callable[[Callable[[Channel], int]], tuple[int, Channel]]


class BrowserOpening(Duty):
    """Opens one page at a time.

    Args:
        fork: Starts a process.
    """

    def __init__(self, fork: Fork = fork_process) -> None:
        self._fork = fork
        self._pid: int | None = None
        self._channel: Channel | None = None
        self._url = ""

    def open(self, url: str) -> None:
        """Opens it; a browser that can't be found is told when that is known.

        Raises:
            InProcess: This is the process for it.
        """
        if self._pid is not None:
            return
        self._url = url
        try:
            self._pid, self._channel = self._fork(lambda channel: _open(url, channel))
        except OSError as error:
            console.warn(f"{url} could not be opened: {(error.strerror or str(error)).lower()}")

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Says what became of it, if nothing did."""
        del now
        if pid != self._pid:
            return False
        self._pid = None
        self.close()
        if death.exit_code != 0:
            console.note(f"no browser could be opened: {self._url} is where to go")
        return True

    def on_end(self, now: float, *, at_once: bool) -> None:
        """Waits for a browser no longer; one that is open stays so."""
        del now, at_once
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._pid = None

    def close(self) -> None:
        """Lets go of the process."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _open(url: str, channel: Channel) -> int:
    channel.close()
    # Neither Ctrl+C nor what a browser has to say is for the server's terminal, and a browser
    # that would draw there finds none.
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    hear_from_here()
    import webbrowser  # noqa: PLC0415 (only this process needs it)

    return 0 if webbrowser.open(url) else 1
