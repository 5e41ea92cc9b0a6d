"""Clients that ask without a pause, and account for each request that was not answered.

Half of them stay on one connection for as long as they are let, the others make a new one for each
request.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.live_server import LiveServer


@dataclass(frozen=True)
class Lost:
    """A request that was not answered.

    Attributes:
        error: What came instead.
        port: Of the client; `None`: there was no connection.
        began: When its connection was asked for, as `time.monotonic()`.
    """

    error: Exception
    port: int | None
    began: float


@dataclass
class SteadyClients:
    """What all of them have seen."""

    bodies: Counter[bytes] = field(default_factory=Counter)
    lost: list[Lost] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    @property
    def answered(self) -> int:
        """How many requests."""
        return sum(self.bodies.values())

    @property
    def failures(self) -> list[Exception]:
        """What came instead of answers."""
        return [lost.error for lost in self.lost]


@contextmanager
def steady_clients(server: LiveServer, count: int) -> Iterator[SteadyClients]:
    """So many clients, while the block runs."""
    seen, is_over, lock = SteadyClients(), threading.Event(), threading.Lock()

    def run(number: int) -> None:
        own = SteadyClients()
        while not is_over.is_set():
            began, port = time.monotonic(), None
            try:
                with server.client() as client:
                    port = client.connection.getsockname()[1]
                    is_last = False
                    while not is_last and not is_over.is_set():
                        answer = client.get("/")
                        own.bodies[answer.body] += 1
                        own.statuses.add(answer.status)
                        is_last = number % 2 == 0 or answer.header("Connection") == "close"
            except Exception as error:
                own.lost.append(Lost(error, port, began))
        with lock:
            seen.bodies += own.bodies
            seen.lost += own.lost
            seen.statuses |= own.statuses

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
