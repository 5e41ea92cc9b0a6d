"""Large bodies, and clients that are slow to take them."""

from __future__ import annotations

import hashlib
import socket
import threading

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

MEBIBYTE = 1024 * 1024
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("plain:app")


def expected(size: int) -> str:
    pattern = bytes(range(256)) * 256
    sha = hashlib.sha256()
    for start in range(0, size, len(pattern)):
        sha.update(pattern[: size - start])
    return sha.hexdigest()


def digest_of_body(connection: socket.socket, size: int, step: int) -> str:
    """The digest of `size` bytes behind a head, taken `step` bytes at a time."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(step)
    body = received.partition(b"\r\n\r\n")[2]
    sha, total = hashlib.sha256(body), len(body)
    while total < size:
        piece = connection.recv(min(step, size - total))
        assert piece, f"the answer ended after {total} bytes"
        sha.update(piece)
        total += len(piece)
    return sha.hexdigest()


@pytest.mark.parametrize("target", ["/large?length=1&size={}", "/block?size={}"])
def test_a_reader_with_a_small_buffer_gets_every_byte(server: LiveServer, target: str) -> None:
    size = 20 * MEBIBYTE
    with socket.socket() as connection:
        # As small as the kernel allows, so that the server's writes keep being refused.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(server.addresses[0])
        connection.sendall(f"GET {target.format(size)} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        assert digest_of_body(connection, size, 4096) == expected(size)


def test_a_reader_that_pauses_gets_every_byte(server: LiveServer) -> None:
    """While the download stands still, the server's buffers are full: others are served."""
    size = 30 * MEBIBYTE
    with server.connect() as connection, server.client() as other:
        connection.sendall(f"GET /large?length=1&size={size} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        for number in range(100):
            assert other.get(f"/{number}").status == 200
        assert digest_of_body(connection, size, 65536) == expected(size)


@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_fifty_megabytes_arrive_whole(client: RawClient, framing: str) -> None:
    size = 50 * MEBIBYTE
    piece = bytes(range(256)) * 256
    head = "POST /digest HTTP/1.1\r\nHost: test\r\n"
    if framing == "sized":
        client.send(f"{head}Content-Length: {size}\r\n\r\n".encode())
        for _ in range(size // len(piece)):
            client.send(piece)
    else:
        client.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(size // len(piece)):
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
    assert client.read_response().body == f"{size} {expected(size)}".encode()


def test_uploads_and_downloads_at_once_do_not_mix(server: LiveServer) -> None:
    size = 8 * MEBIBYTE
    body = (bytes(range(256)) * 256) * (size // 65536)
    failures: list[BaseException] = []

    def transfer(number: int) -> None:
        try:
            with server.client() as client:
                if number % 2:
                    head = f"POST /digest HTTP/1.1\r\nHost: t\r\nContent-Length: {size}\r\n\r\n"
                    response = client.request(head.encode() + body)
                    assert response.body == f"{size} {expected(size)}".encode()
                else:
                    assert client.get(f"/large?size={size}").body == body
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=transfer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
