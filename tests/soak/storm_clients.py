"""Clients of the chaos test: they ask all the while, check every byte, and count what failed.

Each request has a word of its own, which its answer must hold, and an id, under which the log
can explain why it failed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse, Truncated, WireError

# Far above what any request of the storm takes; past it, the connection is stuck.
_STUCK_SECONDS = 30.0
_PAUSE_SECONDS = 0.002


@dataclass(frozen=True)
class Failure:
    """A request that was not answered as it should have been.

    Attributes:
        at: Seconds by the monotonic clock, when it was noticed.
        worker: The process that answered on the same connection before; `None`: not known.
        port: The client's own, by which the log may name it.
        is_fresh: Whether it was the first on its connection.
    """

    id: str
    at: float
    what: str
    worker: int | None
    port: int
    is_fresh: bool


@dataclass
class Seen:
    """What all the clients have seen.

    Attributes:
        wrong: Answers that were not those to the request.
        stuck: Requests that were not answered at all, on connections that did not end.
        refused: Connections that could not be made.
        errors: The statuses from 500 on, by the request's id.
        workers: The processes that answered.
    """

    answered: int = 0
    failures: list[Failure] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    workers: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Question:
    """One request, and what its answer must be."""

    head: str
    body: bytes
    is_right: Callable[[bytes], bool]


class StormClients:
    """Asks with `count` threads while its `with` block runs; `leaks` is how often it leaks."""

    def __init__(self, server: LiveServer, count: int, *, leaks: float = 0.002) -> None:
        self.seen = Seen()
        self._server = server
        self._leaks = leaks
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number,), name=f"storm-{number}")
            for number in range(count)
        ]

    def __enter__(self) -> Seen:
        for thread in self._threads:
            thread.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(2 * _STUCK_SECONDS)
            if thread.is_alive():
                self.seen.stuck.append(f"{thread.name} did not end")

    def _ask(self, number: int) -> None:
        chance = random.Random(number)
        counts: Iterator[int] = itertools.count()
        ids = (f"storm-{number}-{count}" for count in counts)
        while not self._is_over.is_set():
            try:
                connection = self._server.connect(timeout_seconds=_STUCK_SECONDS)
            except OSError as error:
                with self._lock:
                    self.seen.refused.append(f"{error}")
                continue
            with RawClient(connection) as client:
                self._use(client, chance, ids)

    def _use(self, client: RawClient, chance: random.Random, ids: Iterator[str]) -> None:
        """Asks on one connection until it ends."""
        port = client.connection.getsockname()[1]
        worker: int | None = None
        is_fresh = True
        for _ in range(chance.choice((1, 10, 1000))):
            if self._is_over.is_set():
                return
            id, question = next(ids), self._question(chance)
            try:
                answer = client.request(_request(question, id), method=question.head.split()[0])
            except TimeoutError:
                with self._lock:
                    self.seen.stuck.append(f"{id} {question.head} on port {port}")
                return
            except WireError as error:
                with self._lock:
                    self.seen.wrong.append(f"{id} {question.head}: {error!r}")
                return
            except (OSError, Truncated) as error:
                failure = Failure(
                    id, time.monotonic(), f"{question.head}: {error!r}", worker, port, is_fresh
                )
                with self._lock:
                    self.seen.failures.append(failure)
                return
            worker = self._note(question, answer, id, worker)
            is_fresh = False
            if answer.header("Connection") == "close":
                return
            self._is_over.wait(_PAUSE_SECONDS)

    def _note(
        self, question: Question, answer: RawResponse, id: str, worker: int | None
    ) -> int | None:
        named = answer.header("X-Worker")
        with self._lock:
            if named is not None:
                worker = int(named)
                self.seen.workers.add(worker)
            if answer.status >= 500:
                self.seen.errors[id] = answer.status
            elif answer.status == 200 and question.is_right(answer.body):
                self.seen.answered += 1
            else:
                self.seen.wrong.append(
                    f"{id} {question.head}: {answer.status} {answer.body[:200]!r}"
                )
        return worker

    def _question(self, chance: random.Random) -> Question:
        word = f"{chance.getrandbits(64):x}"
        if chance.random() < self._leaks:
            return Question(f"GET /leak/{word}", b"", lambda body: body == word.encode())
        match chance.randrange(5):
            case 0:
                body = chance.randbytes(chance.choice((10, 10_000, 300_000)))
                digest = hashlib.sha256(body).hexdigest().encode()
                return Question("POST /digest", body, lambda got: got == digest)
            case 1:
                count = chance.choice((1, 50, 2000))
                whole = "".join(f"{word}-{number}\n" for number in range(count)).encode()
                return Question(f"GET /pieces/{word}/{count}", b"", lambda got: got == whole)
            case 2:
                return Question(f"GET /slow/{word}", b"", lambda got: got == word.encode())
            case _:
                return Question(
                    f"GET /word/{word}", b"", lambda got: json.loads(got) == {"word": word}
                )


def _request(question: Question, id: str) -> bytes:
    lines = [f"{question.head} HTTP/1.1", "Host: storm", f"X-Request-ID: {id}"]
    if question.body:
        lines.append(f"Content-Length: {len(question.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + question.body
