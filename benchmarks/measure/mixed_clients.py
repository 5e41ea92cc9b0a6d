"""A loader for what wrk cannot do: several kinds of request at once, each with its own latencies.

One thread, one `epoll`; good for some 20,000 requests a second, which is more than the loads
that need it can reach. A client asks again at once, or by a clock; by the clock, the latency
counts from the moment when the request was due, so a stall is not hidden (no coordinated omission).
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.measure.answers import TIMEOUT_SECONDS, check, parse_answer, request_bytes
from benchmarks.samples import Disqualified

_SPIN_SECONDS = 0.001  # `epoll` counts in milliseconds; the rest is spent looking


@dataclass(frozen=True)
class Client:
    """What one client asks for, over one connection at a time.

    Args:
        next_path: Says what to ask for next.
        period_seconds: The clock; `None` asks again at once.
        first_after_seconds: When the first request is due.
    """

    next_path: Callable[[], str]
    period_seconds: float | None = None
    first_after_seconds: float = 0.0


@dataclass(frozen=True)
class Timing:
    """One answered request."""

    path: str
    seconds: float
    is_in_time: bool  # answered before the load's end, so it counts for the throughput


def run_mixed(
    clients: Sequence[Client], port: int, seconds: float, expected: bytes
) -> list[Timing]:
    """Lets all clients ask for so many seconds, then waits for the answers still due.

    Raises:
        Disqualified: An answer was wrong, or did not come within `TIMEOUT_SECONDS` of the end.
    """
    session = _Session(clients, port, expected)
    try:
        return session.run(seconds)
    except OSError as error:
        raise Disqualified(f"a connection broke: {error}") from error
    finally:
        session.close()


@dataclass
class _Turn:
    """Where one client stands. Invariant: it waits only on a connection."""

    client: Client
    due: float = 0.0
    path: str = ""
    is_waiting: bool = False
    connection: socket.socket | None = None
    received: bytearray = field(default_factory=bytearray)


class _Session:
    def __init__(self, clients: Sequence[Client], port: int, expected: bytes) -> None:
        self._turns = [_Turn(client) for client in clients]
        self._port = port
        self._expected = expected
        self._selector = selectors.DefaultSelector()
        self._timings: list[Timing] = []

    def run(self, seconds: float) -> list[Timing]:
        start = time.monotonic()
        end = start + seconds
        for turn in self._turns:
            turn.due = start + turn.client.first_after_seconds
        while (now := time.monotonic()) < end:
            for turn in self._turns:
                if not turn.is_waiting and turn.due <= now:
                    self._send(turn)
            self._receive(self._pause(end), end)
        while any(turn.is_waiting for turn in self._turns):
            if time.monotonic() > end + TIMEOUT_SECONDS:
                raise Disqualified(f"a request was not answered within {TIMEOUT_SECONDS:g} s")
            self._receive(TIMEOUT_SECONDS / 10, end)
        return self._timings

    def close(self) -> None:
        for turn in self._turns:
            self._disconnect(turn)
        self._selector.close()

    def _pause(self, end: float) -> float:
        next_due = min([end, *(turn.due for turn in self._turns if not turn.is_waiting)])
        return max(next_due - time.monotonic() - _SPIN_SECONDS, 0.0)

    def _send(self, turn: _Turn) -> None:
        turn.path = turn.client.next_path()
        turn.is_waiting = True
        if turn.client.period_seconds is None:
            turn.due = time.monotonic()
        if turn.connection is None:
            address = ("127.0.0.1", self._port)
            turn.connection = socket.create_connection(address, TIMEOUT_SECONDS)
            turn.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(turn.connection, selectors.EVENT_READ, turn)
        turn.connection.sendall(request_bytes(turn.path))

    def _receive(self, timeout: float, end: float) -> None:
        for key, _ in self._selector.select(timeout):
            turn: _Turn = key.data
            assert turn.connection is not None, "what is registered is connected"
            data = turn.connection.recv(65_536)
            turn.received += data
            if not turn.is_waiting and not data:
                self._disconnect(turn)  # closed between two requests, as a server may
                continue
            answer = parse_answer(bytes(turn.received), is_at_end=not data)
            if answer is None:
                continue
            check(answer, self._expected)
            now = time.monotonic()
            self._timings.append(Timing(turn.path, now - turn.due, now < end))
            turn.received.clear()
            turn.is_waiting = False
            period = turn.client.period_seconds
            turn.due = now if period is None else turn.due + period
            if not answer.is_kept:
                self._disconnect(turn)

    def _disconnect(self, turn: _Turn) -> None:
        if turn.connection is not None:
            self._selector.unregister(turn.connection)
            turn.connection.close()
            turn.connection = None
