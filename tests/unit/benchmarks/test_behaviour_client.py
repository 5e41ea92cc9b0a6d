import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks.behaviour import client
from benchmarks.behaviour.client import Client, Reply, get

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def peer(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of somebody who does `serve` with the first connection, and closes it."""

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def reply_to(request: bytes, answer: bytes) -> Reply:
    with peer(lambda connection: connection.sendall(answer)) as port, Client(port) as asking:
        return asking.ask(request)


def test_a_sized_answer_is_whole() -> None:
    reply = reply_to(get("/"), OK + b"Content-Length: 4\r\n\r\nfine")
    assert (reply.status, reply.end, reply.body) == (200, "whole", b"fine")


def test_a_sized_answer_that_ends_early_is_not() -> None:
    assert reply_to(get("/"), OK + b"Content-Length: 5\r\n\r\nfine").end == "closed"


def test_a_chunked_answer_is_whole_with_its_last_chunk() -> None:
    reply = reply_to(get("/"), OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n")
    assert (reply.end, reply.body, reply.is_chunked) == ("whole", b"fine", True)


def test_a_chunked_answer_without_its_last_chunk_is_not() -> None:
    reply = reply_to(get("/"), OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n")
    assert (reply.end, reply.body) == ("closed", b"fine")


def test_what_is_no_chunk_is_garbled() -> None:
    reply = reply_to(get("/"), OK + b"Transfer-Encoding: chunked\r\n\r\nfirstsecond\r\n")
    assert reply.end == "garbled"


def test_an_answer_until_close_is_whole_when_it_ends_in_order() -> None:
    reply = reply_to(get("/"), OK + b"\r\nfine")
    assert (reply.end, reply.body) == ("whole", b"fine")


def test_an_answer_until_close_is_not_when_it_ends_with_a_reset() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(OK + b"\r\nfine")
        is_received.wait(5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    is_received = threading.Event()
    with peer(serve) as port, Client(port) as asking:
        asking.send(get("/"))
        assert asking.received(b"fine")
        is_received.set()
        assert asking.reply().end == "reset"


def test_to_head_there_is_no_body_and_what_comes_is_surplus() -> None:
    answer = OK + b"Content-Length: 4\r\n\r\nfine"
    with peer(lambda connection: connection.sendall(answer)) as port, Client(port) as asking:
        reply = asking.ask(get("/").replace(b"GET", b"HEAD"))
        assert (reply.end, reply.body, asking.surplus()) == ("whole", b"", b"fine")


def test_an_end_without_an_answer_is_a_refusal() -> None:
    reply = reply_to(get("/"), b"")
    assert (reply.is_refusal, reply.text) == (True, "closes without an answer")


def test_silence_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.05)
    is_over = threading.Event()
    with peer(lambda _: is_over.wait(5) and None) as port, Client(port) as asking:
        reply = asking.ask(get("/"))
        is_over.set()
    assert (reply.is_refusal, reply.text) == (False, "no answer")
