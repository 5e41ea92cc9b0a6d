"""Counts what is called on the iterables it returns, by the `id` of the query.

`/closed?id=` waits until that iterable was closed, and answers with the calls.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECONDS_TO_WAIT = 4.0
_calls: defaultdict[str, list[str]] = defaultdict(list)
_called = threading.Condition()


def note(key: str, call: str) -> None:
    with _called:
        # Of the steps only the first counts: an endless one would fill the memory.
        if call != "next" or call not in _calls[key]:
            _calls[key].append(call)
        _called.notify_all()


class Watched:
    """An iterator that notes its first `next`, and each `close`."""

    def __init__(self, key: str, pieces: Iterable[bytes]) -> None:
        self.key = key
        self.pieces = iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        note(self.key, "next")
        return next(self.pieces)

    def close(self) -> None:
        note(self.key, "close")


class FailsToClose(Watched):
    def close(self) -> None:
        super().close()
        raise RuntimeError("close() failed")


class FailsToIterate(Watched):
    def __iter__(self) -> Iterator[bytes]:
        raise RuntimeError("iter() failed")


class WatchedList(list[bytes]):
    """A list with a `close`, as some frameworks return."""

    def __init__(self, key: str, pieces: Iterable[bytes]) -> None:
        super().__init__(pieces)
        self.key = key

    def close(self) -> None:
        note(self.key, "close")


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536


def fails_at_once() -> Iterator[bytes]:
    raise RuntimeError("before the first piece")
    yield b""


def fails_in_the_middle() -> Iterator[bytes]:
    yield b"a beginning"
    raise RuntimeError("in the middle")


def starts_badly(start_response: StartResponse) -> Iterator[bytes]:
    start_response("not a status", [("Content-Type", "text/plain")])
    yield b"never sent"


def generated(key: str) -> Iterator[bytes]:
    """A generator: closing it raises `GeneratorExit` where it stands."""
    try:
        yield from endless()
    finally:
        note(key, "close")


KINDS: dict[str, Callable[[str], Iterable[bytes]]] = {
    "/plain": lambda key: Watched(key, [b"some ", b"text"]),
    "/empty": lambda key: Watched(key, []),
    "/list": lambda key: WatchedList(key, [b"some ", b"text"]),
    "/list-of-one": lambda key: WatchedList(key, [b"some text"]),
    "/endless": lambda key: Watched(key, endless()),
    "/generator": generated,
    "/fails-at-once": lambda key: Watched(key, fails_at_once()),
    "/fails-in-the-middle": lambda key: Watched(key, fails_in_the_middle()),
    "/fails-to-close": lambda key: FailsToClose(key, [b"some ", b"text"]),
    "/fails-to-iterate": lambda key: FailsToIterate(key, [b"some ", b"text"]),
    "/strings": lambda key: Watched(key, ["not bytes"]),  # type: ignore[list-item]
    "/unstarted": lambda key: Watched(key, [b"start_response was never called"]),
}


def close(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    query = parse_qs(environ["QUERY_STRING"])
    path, key = environ["PATH_INFO"], query["id"][0]
    if path == "/closed":
        with _called:
            _called.wait_for(lambda: "close" in _calls[key], SECONDS_TO_WAIT)
            return answers.as_json(start_response, _calls[key])
    headers = [("Content-Type", "text/plain")]
    if "length" in query:
        headers.append(("Content-Length", query["length"][0]))
    if path == "/starts-badly":
        return Watched(key, starts_badly(start_response))
    if path != "/unstarted":
        start_response(query.get("status", ["200 OK"])[0], headers)
    return KINDS[path](key)


app = answers.validated(close)
