"""Bodies of requests: by length and in chunks, whole, broken off and unread (RFC 9112 §6, §7)."""

from __future__ import annotations

import hashlib
import socket
import struct
from contextlib import suppress

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated

CHUNKED = b"POST %s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("plain:app")


def sized(path: str, body: bytes, length: int | None = None) -> bytes:
    announced = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {announced}\r\n\r\n"
    return head.encode() + body


def digest(body: bytes) -> bytes:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 65536, 65537, 200_000])
def test_a_sized_body_arrives_whole(client: RawClient, size: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    for _ in range(2):
        assert client.request(sized("/echo", body)).body == body


@pytest.mark.parametrize(
    ("chunks", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
        (b"003\r\nabc\r\n000\r\n\r\n", b"abc"),
        (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b'3;name=value;other="a;b"\r\nabc\r\n0;last\r\n\r\n', b"abc"),
        (b"3 ; name\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"3\r\nabc\r\n0\r\nX-Checksum: 1\r\nX-Other: 2\r\n\r\n", b"abc"),
        (b"6\r\na\r\n0\r\n\r\n0\r\n\r\n", b"a\r\n0\r\n"),
    ],
)
def test_chunks_are_joined(client: RawClient, chunks: bytes, body: bytes) -> None:
    for _ in range(2):
        response = client.request(CHUNKED % b"/echo" + chunks)
        assert response.body == body
        assert response.header("X-Length") == str(len(body))


def test_trailers_do_not_become_variables_of_the_next_request(client: RawClient) -> None:
    client.send(CHUNKED % b"/echo" + b"1\r\nx\r\n0\r\nX-A: b\r\n\r\n" + sized("/echo", b"next"))
    assert [client.read_response().body for _ in range(2)] == [b"x", b"next"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_beyond_what_is_kept_in_memory_arrives_whole(
    client: RawClient, is_chunked: bool
) -> None:
    body = hashlib.shake_256(b"seed").digest(3 * MEBIBYTE)
    if is_chunked:
        pieces = [body[start : start + 99_991] for start in range(0, len(body), 99_991)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        response = client.request(CHUNKED % b"/digest" + chunks + b"0\r\n\r\n")
    else:
        response = client.request(sized("/digest", body))
    assert response.body == digest(body)


@pytest.mark.parametrize("size", [10, 100_000, 2 * MEBIBYTE])
def test_a_body_that_the_app_ignores_is_passed_over(client: RawClient, size: int) -> None:
    assert client.request(sized("/ignore", b"x" * size)).body == b"ignored"
    assert client.request(sized("/echo", b"next")).body == b"next"


@pytest.mark.parametrize("path", ["/gone-sized", "/gone-chunked"])
@pytest.mark.parametrize("way", ["half-closed", "closed", "reset"])
def test_an_upload_that_breaks_off_never_reaches_the_app(
    server: LiveServer, path: str, way: str
) -> None:
    path = f"{path}-{way}"
    with server.client() as client:
        if "sized" in path:
            client.send(sized(path, b"half", length=8))
        else:
            client.send(CHUNKED % path.encode() + b"4\r\nhalf\r\n")
        if way == "reset":
            linger = struct.pack("ii", 1, 0)
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif way == "half-closed":
            client.connection.shutdown(socket.SHUT_WR)
            with suppress(Truncated):  # a reset is as good
                rest = client.read_to_end()
                assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
    with server.client() as client:
        for _ in range(3):  # the loop has come round, and has seen the end of the other one
            assert client.get("/a").body == b"/a"
        assert client.get(f"/calls?path={path}").body == b"0"


def test_the_app_is_not_called_before_the_body_is_whole(server: LiveServer) -> None:
    with server.client() as slow, server.client() as other:
        slow.send(sized("/slow-upload", b"half", length=8))
        assert other.get("/calls?path=/slow-upload").body == b"0"
        slow.send(b"rest")
        assert slow.read_response().body == b"/slow-upload"
        assert other.get("/calls?path=/slow-upload").body == b"1"
