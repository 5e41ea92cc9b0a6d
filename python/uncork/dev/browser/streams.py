"""Server-sent events on connections that the server has let go of.

So an open page costs neither a thread nor a place among the connections, has no limit of time, and
a worker that drains does not wait for it. Nobody waits for what a page may have to say: it says
nothing, and that it has gone is noticed at the next occasion.
"""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream\r\n"
    b"Cache-Control: no-store\r\n"
    b"X-Accel-Buffering: no\r\n"
    b"Connection: close\r\n"
    b"\r\n"
)


class Streams:
    """The streams of one worker; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._has_ended = False

    def __len__(self) -> int:
        with self._lock:
            self._drop_gone()
            return len(self._connections)

    def add(self, connection: socket.socket, data: str) -> None:
        """Answers with a stream that begins with `data`; takes the connection on."""
        connection.setblocking(False)
        with self._lock:
            self._drop_gone()
            self._connections.append(connection)
            if self._has_ended:
                self._close(connection)
            else:
                self._send(connection, _HEAD + _event(data))

    def send(self, data: str) -> None:
        """Tells all of them."""
        with self._lock:
            for connection in tuple(self._connections):
                self._send(connection, _event(data))

    def end(self) -> None:
        """Ends all of them, and those that are still to come."""
        with self._lock:
            self._has_ended = True
            for connection in tuple(self._connections):
                self._close(connection)

    def _send(self, connection: socket.socket, message: bytes) -> None:
        try:
            is_whole = connection.send(message) == len(message)
        except OSError:
            is_whole = False
        if not is_whole:  # it has gone, or does not read; a page asks again
            self._close(connection)

    def _drop_gone(self) -> None:
        poll = select.poll()
        by_number = {connection.fileno(): connection for connection in self._connections}
        for number in by_number:
            poll.register(number, select.POLLIN)
        for number, _ in poll.poll(0):
            self._close(by_number[number])

    def _close(self, connection: socket.socket) -> None:
        self._connections.remove(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()
