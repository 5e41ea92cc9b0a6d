"""One client of the control socket, as the supervisor has it: lines in, lines out, no waiting.

Whatever a client does or leaves undone, it costs the supervisor a bounded amount of memory and
of time, and no more than its own connection.
"""

from __future__ import annotations

import socket
from collections import deque

from uncork.supervisor.control.lines import MAX_REQUEST_BYTES

_RECEIVE_BYTES = 16 * 1024
_MAX_WAITING_LINES = 16
# The stacks of a thousand threads are less than this.
_MAX_UNSENT_BYTES = 64 * 1024 * 1024
# To send a whole request, or to take the next part of an answer.
_PATIENCE_SECONDS = 10.0


class Connection:
    """One client.

    Attributes:
        deadline: When it must have done what it is waited for; `None`: it is not waited for,
            since its request is being worked on.
        has_ended: It will ask for nothing more.
        is_lost: It can't be told anything either.
    """

    def __init__(self, connected: socket.socket, now: float) -> None:
        connected.setblocking(False)
        self.has_ended = False
        self.is_lost = False
        self.deadline: float | None = now + _PATIENCE_SECONDS
        self._socket = connected
        self._received = b""
        self._lines: deque[bytes] = deque()
        self._unsent = b""

    def fileno(self) -> int:
        """The descriptor of the connection."""
        return self._socket.fileno()

    @property
    def wants_to_read(self) -> bool:
        """Whether more requests may come."""
        return not self.has_ended and len(self._lines) < _MAX_WAITING_LINES

    @property
    def wants_to_write(self) -> bool:
        """Whether a part of an answer waits for the client to take it."""
        return bool(self._unsent)

    def receive(self, now: float) -> bool:
        """Reads what has come; whether it was fit for a request."""
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            self.has_ended = self.is_lost = True
            return True
        if not data:
            self.has_ended = True  # it may have closed its own side only
            return True
        *lines, self._received = (self._received + data).split(b"\n")
        self._lines += [line for line in lines if line.strip()]
        if lines and self.deadline is not None:
            self.deadline = now + _PATIENCE_SECONDS
        return len(self._received) <= MAX_REQUEST_BYTES and not any(
            len(line) > MAX_REQUEST_BYTES for line in lines
        )

    def next_line(self) -> bytes | None:
        """The next request, which is worked on from now on; `None`: there is none."""
        if not self._lines or self._unsent:
            return None
        self.deadline = None
        return self._lines.popleft()

    def answer(self, line: bytes, now: float) -> None:
        """Sends an answer, or as much of it as the client takes at once."""
        self._unsent += line
        self.deadline = now + _PATIENCE_SECONDS
        self.send(now)
        if len(self._unsent) > _MAX_UNSENT_BYTES:
            self.is_lost = True

    def send(self, now: float) -> None:
        """Sends more of what waits."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.has_ended = self.is_lost = True
                return
            self._unsent = self._unsent[sent:]
            self.deadline = now + _PATIENCE_SECONDS

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()
