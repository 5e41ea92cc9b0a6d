import socket
import threading
from collections.abc import Iterator

import pytest

from benchmarks.measure.mixed_clients import Client, run_mixed
from benchmarks.samples import Disqualified

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Answering(threading.Thread):
    """Answers every read with the same bytes, one connection after the other."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        with self._listener:
            connection, _ = self._listener.accept()
            with connection:
                while connection.recv(65_536):
                    connection.sendall(self._answer)


@pytest.fixture
def answering() -> Iterator[Answering]:
    server = Answering(ANSWER)
    server.start()
    yield server
    server.join(5)


def test_a_client_without_a_clock_asks_again_at_once(answering: Answering) -> None:
    timings = run_mixed([Client(lambda: "/fast")], answering.port, 0.05, b"ok")

    assert len(timings) > 5
    assert {timing.path for timing in timings} == {"/fast"}


def test_a_client_with_a_clock_asks_no_more_often_than_it_says(answering: Answering) -> None:
    timings = run_mixed([Client(lambda: "/fast", 0.02)], answering.port, 0.1, b"ok")

    assert 1 <= len(timings) <= 6


def test_a_wrong_body_ends_the_load(answering: Answering) -> None:
    with pytest.raises(Disqualified, match="a wrong body"):
        run_mixed([Client(lambda: "/fast")], answering.port, 0.05, b"no")


def test_the_same_clients_can_load_twice() -> None:
    client = Client(lambda: "/fast")
    servers = [Answering(ANSWER), Answering(ANSWER)]
    for server in servers:
        server.start()

    assert all(run_mixed([client], server.port, 0.02, b"ok") for server in servers)
