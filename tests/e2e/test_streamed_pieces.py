"""Pieces of an answer are put together on their way, and none waits for the next one (PEP 3333,
"Buffering and Streaming")."""

from __future__ import annotations

import socket
import time

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

# Less than the time after which the kernel sends what it was told to hold back (tcp(7)).
AT_ONCE_SECONDS = 0.1
TRIES = 5


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("pieces:app")


def get(connection: socket.socket, path: str, until: bytes) -> float:
    """Seconds until `until` has come."""
    start = time.monotonic()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    read_until(connection, until)
    return time.monotonic() - start


def read_until(connection: socket.socket, until: bytes) -> None:
    received = b""
    while not received.endswith(until):
        data = connection.recv(65536)
        assert data, received
        received += data


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/computing", "/waiting"])
def test_a_piece_reaches_the_client_while_the_app_is_at_the_next(
    server: LiveServer, path: str
) -> None:
    took = []
    for _ in range(TRIES):
        with server.connect() as connection, server.client() as other:
            took.append(get(connection, path, b"first\r\n"))
            assert other.get("/release").body == b"released"
            read_until(connection, b"second\r\n0\r\n\r\n")
    # On a busy machine, single ones may take longer.
    assert min(took) < AT_ONCE_SECONDS, took


def test_the_last_piece_of_a_known_length_is_not_held_back(server: LiveServer) -> None:
    """There is nothing behind it that it could be sent with."""
    with server.connect() as connection:
        took = [get(connection, "/sized", b"firstsecond") for _ in range(TRIES)]
    assert min(took) < AT_ONCE_SECONDS, took


def test_pieces_keep_their_order(client: RawClient) -> None:
    for _ in range(3):
        assert client.get("/many").body == b"".join(b"%d\n" % number for number in range(1000))
