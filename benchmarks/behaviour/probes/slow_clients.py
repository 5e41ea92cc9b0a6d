"""More slow clients than there are threads, and one more that is not slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

from benchmarks.behaviour.client import Client, get, post
from benchmarks.behaviour.probe import THREADS, Group, Probe, Verdict, right, wrong

SLOW_CLIENTS = THREADS + 4
IDLE_CLIENTS = 120
LIMIT_SECONDS = 10.0
_SETTLE_SECONDS = 0.5  # so that the server has taken up all that it will
_AT_ONCE_SECONDS = 1.0
_SMALL_BUFFER = 16 * 1024


@contextmanager
def _slow_senders(port: int, *, part: bytes) -> Iterator[None]:
    """Clients that have sent `part`, and nothing since."""
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            stack.enter_context(Client(port)).send(part)
        yield


@contextmanager
def _slow_readers(port: int, *, target: str) -> Iterator[None]:
    """Clients that have asked for much, and take none of it."""
    with ExitStack() as stack:
        for _ in range(SLOW_CLIENTS):
            reader = stack.enter_context(Client(port, receive_buffer=_SMALL_BUFFER))
            reader.send(get(target))
        yield


@contextmanager
def _idle(port: int) -> Iterator[None]:
    """Clients that were served once, as far as the server does that, and stay."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(IDLE_CLIENTS)]
        deadline = time.monotonic() + LIMIT_SECONDS
        for client in clients:
            client.send(get("/fine"))
        for client in clients:
            client.wait(max(deadline - time.monotonic(), 0.001))
        yield


def _time_of_a_get(port: int, *, beside: Callable[[int], AbstractContextManager[None]]) -> Verdict:
    with beside(port):
        time.sleep(_SETTLE_SECONDS)
        with Client(port) as client:
            client.send(get("/fine"))
            seconds = client.wait(LIMIT_SECONDS)
    if seconds is None:
        return wrong(f"not served within {LIMIT_SECONDS:g} s")
    if seconds < _AT_ONCE_SECONDS:
        return right("served at once")
    return wrong(f"served after {seconds:.0f} s")


def _probe(key: str, title: str, beside: Callable[[int], AbstractContextManager[None]]) -> Probe:
    return Probe(key, title, "served at once", partial(_time_of_a_get, beside=beside))


def _sending(key: str, title: str, part: bytes) -> Probe:
    return _probe(key, title, partial(_slow_senders, part=part))


def _reading(key: str, title: str, target: str) -> Probe:
    return _probe(key, title, partial(_slow_readers, target=target))


GROUP = Group(
    "Slow clients",
    f"{SLOW_CLIENTS} of them, or {IDLE_CLIENTS} where it says so, for {THREADS} threads. "
    f"Then one more client asks for a page of 4 bytes and waits for up to {LIMIT_SECONDS:g} s. "
    "Werkzeug starts a thread for each client, and FastWSGI collects an answer before it sends it: "
    "what that costs in memory is not judged.",
    (
        _sending("silent", "They send nothing", b""),
        _sending("half-a-head", "They send half a head", b"GET / HTTP/1.1\r\nHost: a"),
        _sending(
            "half-a-body",
            "They send 1 of 1000 bytes of a body",
            post("/upload", "Content-Length: 1000", body=b"x"),
        ),
        _sending(
            "half-a-chunk",
            "They send 1 of 1000 bytes of a chunk",
            post("/upload", "Transfer-Encoding: chunked", body=b"3e8\r\nx"),
        ),
        _reading("slow-page", "They do not read a page of 1 MiB", "/page"),
        _reading("slow-file", "They do not read a file of 64 MiB (`wsgi.file_wrapper`)", "/file"),
        _reading("slow-stream", "They do not read a stream of 128 MiB", "/stream"),
        _probe("idle", f"{IDLE_CLIENTS} were served once, and keep their connection", _idle),
    ),
)
