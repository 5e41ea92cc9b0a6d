"""Thousands of keep-alive connections that have been used once and are kept open."""

from __future__ import annotations

import resource
import socket
from types import TracebackType
from typing import Self

from benchmarks.measure.answers import TIMEOUT_SECONDS, check, exchange, request_bytes
from benchmarks.samples import Disqualified

_SPARE_DESCRIPTORS = 1_000


class IdleConnections:
    """Opens `count` connections while its `with` block runs; each has had one answer.

    Raises:
        Disqualified: The server refused one, or answered wrongly.
    """

    def __init__(self, port: int, count: int, path: str, expected: bytes) -> None:
        self._port = port
        self._count = count
        self._request = request_bytes(path)
        self._expected = expected
        self._connections: list[socket.socket] = []

    def __enter__(self) -> Self:
        try:
            while len(self._connections) < self._count:
                self._open_one()
        except (OSError, Disqualified) as error:
            number = len(self._connections)
            self._close()
            raise Disqualified(f"idle connection {number:,} failed: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def count_open(self) -> int:
        """How many the server has not closed."""
        return sum(_is_open(connection) for connection in self._connections)

    def _open_one(self) -> None:
        connection = socket.socket()
        self._connections.append(connection)
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(("127.0.0.1", self._port))
        answer = exchange(connection, self._request)
        check(answer, self._expected)
        if not answer.is_kept:
            raise Disqualified("the server does not keep connections")

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()


def allow_descriptors(connections: int) -> bool:
    """Raises this process's limit, which servers inherit; `False` if the system forbids it."""
    needed = connections + _SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return True
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
    except (OSError, ValueError):
        return False
    return True


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
