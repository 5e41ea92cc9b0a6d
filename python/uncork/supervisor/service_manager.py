"""Tells a service manager such as systemd what happens: sd_notify(3), without its library.

What there is to tell is read off the server's status whenever the supervisor's loop has turned.
That it goes on turning is what the watchdog is told.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from uncork import console
from uncork.settings import ServiceVariables, Settings
from uncork.supervisor.duty import Duty
from uncork.supervisor.ending import LAST_SECONDS
from uncork.supervisor.status import ReloadStatus, ServerStatus

# Beyond what the settings give: the end of the interpreter, threads and the app's own functions.
_GRACE_SECONDS = 2 * LAST_SECONDS + 5.0
# For a manager that takes nothing at the moment.
_RETRY_SECONDS = 0.1
_MOST_WAITING = 64


class ServiceManager(Duty):
    """Tells it each change, once.

    Args:
        service: What it has handed over.
        look: Gives the server as it is by now.
        settings: Gives those that are served with by now.
        is_ready: It knows already that the server serves: an earlier program in this process
            has said so.
    """

    def __init__(
        self,
        service: ServiceVariables,
        look: Callable[[], ServerStatus],
        settings: Callable[[], Settings],
        *,
        is_ready: bool = False,
    ) -> None:
        self._post = _Post(service.notify_socket)
        self._look = look
        self._settings = settings
        self._has_begun = False
        self._is_ready = is_ready
        self._is_stopping = False
        self._reload: ReloadStatus | None = None
        self._text = ""
        half = None if service.watchdog_seconds is None else service.watchdog_seconds / 2
        self._beat_seconds = half if self._post.is_open else None
        self._beat_at = time.monotonic()

    def next_deadline(self) -> float | None:
        """When the watchdog is to be told again, or what waits is to be sent."""
        if not self._post.is_open:
            return None
        if not self._has_begun:
            return 0.0
        beat_at = None if self._beat_seconds is None else self._beat_at
        deadlines = [at for at in (beat_at, self._post.retry_at) if at is not None]
        return min(deadlines, default=None)

    def on_time(self, now: float) -> None:
        """Tells what has changed, and that all is well."""
        if not self._post.is_open:
            return
        status = self._look()
        if not self._has_begun:
            self._has_begun = True
            if not self._is_ready:
                self._allow(self._settings().boot_timeout)
        self._tell_stop(status)
        if not self._is_stopping:
            self._tell_ready(status)
            self._tell_reload(status)
        self._tell_text(_described(status))
        if self._beat_seconds is not None and now >= self._beat_at:
            self._beat_at = now + self._beat_seconds
            self._post.send("WATCHDOG=1")
        self._post.flush(now)

    def close(self) -> None:
        """Closes the socket."""
        self._post.close()

    def _tell_ready(self, status: ServerStatus) -> None:
        if not self._is_ready and status.state != "starting":
            self._is_ready = True
            self._say_ready(status)

    def _tell_reload(self, status: ServerStatus) -> None:
        """A reload that has failed ends as one that has not: with `READY`; the status tells."""
        reload, before = status.last_reload, self._reload
        self._reload = reload
        if reload is None or reload == before:
            return
        is_new = before is None or (before.began_at, before.generation) != (
            reload.began_at,
            reload.generation,
        )
        if is_new:
            microseconds = time.monotonic_ns() // 1000
            self._post.send("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
        if reload.outcome != "running":
            self._say_ready(status)

    def _tell_stop(self, status: ServerStatus) -> None:
        if self._is_stopping or status.state != "stopping":
            return
        self._is_stopping = True
        self._post.send("STOPPING=1")
        settings = self._settings()
        self._allow(settings.drain_delay + settings.graceful_timeout)

    def _say_ready(self, status: ServerStatus) -> None:
        self._text = _described(status)
        self._post.send("READY=1", f"MAINPID={os.getpid()}", f"STATUS={self._text}")

    def _tell_text(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._post.send(f"STATUS={text}")

    def _allow(self, seconds: float) -> None:
        """Asks for patience: settings of ours may allow more than the manager's own do."""
        self._post.send(f"EXTEND_TIMEOUT_USEC={int((seconds + _GRACE_SECONDS) * 1e6)}")


def _described(status: ServerStatus) -> str:
    """One line for `systemctl status`."""
    if status.state == "stopping":
        return "stopping"
    if status.state == "starting":
        return f"loading {status.app}"
    workers = f"{status.workers_wanted} worker{'' if status.workers_wanted == 1 else 's'}"
    serving = f"serving {status.app} with {workers}, generation {status.generation}"
    reload = status.last_reload
    if reload is not None and reload.outcome == "failed":
        what = (reload.error or {}).get("what", "")
        return f"the last reload failed ({what}); {serving}".replace("\n", " ")
    if reload is not None and reload.outcome == "running":
        return f"reloading; {serving}"
    return serving


class _Post:
    """Messages to the manager; none is lost when it is busy, and none blocks.

    Attributes:
        retry_at: When to try again; `None`: nothing waits.
    """

    def __init__(self, address: str | None) -> None:
        self.retry_at: float | None = None
        self._waiting: list[bytes] = []
        self._address = "\0" + address[1:] if address and address[0] == "@" else address
        self._socket: socket.socket | None = None
        if self._address is None:
            return
        if self._address[0] not in "/\0":
            console.warn(f"the service manager can't be told anything at `{address}`")
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    @property
    def is_open(self) -> bool:
        """Whether there is somebody to tell."""
        return self._socket is not None

    def send(self, *lines: str) -> None:
        """Sends one message of these lines, after those that wait."""
        self._waiting = [*self._waiting[-_MOST_WAITING:], "\n".join(lines).encode()]
        self.flush(time.monotonic())

    def flush(self, now: float) -> None:
        """Sends what waits, as far as it is taken."""
        while self._waiting and self._socket is not None:
            try:
                self._socket.sendto(self._waiting[0], self._address or "")
            except BlockingIOError:
                self.retry_at = now + _RETRY_SECONDS
                return
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                console.warn(f"the service manager can't be told what happens: {reason}")
                self.close()
            del self._waiting[:1]
        self.retry_at = None

    def close(self) -> None:
        """Closes the socket; what waits is dropped."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._waiting.clear()
        self.retry_at = None
