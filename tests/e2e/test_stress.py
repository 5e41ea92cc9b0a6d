"""Clients of every kind at once, each byte compared, and what is left behind by many of them."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.processes import count_descriptors, memory_bytes
from tests.support.raw_client import RawClient

SECONDS = 3.0
MEBIBYTE = 1024 * 1024
PATTERN = bytes(range(256)) * 256

Kind = Callable[[LiveServer, random.Random], None]


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    # Clients that go away send a thousand requests per second, however slow the machine is.
    return serve("plain:app", "--threads=8", "--queue=1000000")


def request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def upload(body: bytes, chance: random.Random) -> bytes:
    """A request for the digest of `body`, in one of the two framings."""
    head = b"POST /digest HTTP/1.1\r\nHost: test\r\n"
    if chance.random() < 0.5:
        return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
    parts = [head, b"Transfer-Encoding: chunked\r\n\r\n"]
    while body:
        size = chance.randint(1, 100_000)
        parts.append(b"%x\r\n%s\r\n" % (len(body[:size]), body[:size]))
        body = body[size:]
    return b"".join([*parts, b"0\r\n\r\n"])


def assert_digest(client: RawClient, body: bytes) -> None:
    expected = f"{len(body)} {hashlib.sha256(body).hexdigest()}"
    assert client.read_response("POST").body.decode() == expected


def pattern(size: int) -> bytes:
    """What `/large` and `/block` give for a size."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def fast(server: LiveServer, chance: random.Random) -> None:
    with server.client() as client:
        for _ in range(50):
            target = f"/{chance.randbytes(8).hex()}"
            assert client.get(target).body.decode() == target


def uploading(server: LiveServer, chance: random.Random) -> None:
    with server.client() as client:
        for size in (0, 1, 70_000, 3 * MEBIBYTE // 2):
            body = chance.randbytes(chance.randint(size // 2, size))
            client.send(upload(body, chance))
            assert_digest(client, body)


def dribbling(server: LiveServer, chance: random.Random) -> None:
    body = chance.randbytes(2000)
    data = upload(body, chance)
    with server.client() as client:
        client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data:
            size = chance.randint(1, 13)
            client.send(data[:size])
            data = data[size:]
        assert_digest(client, body)


def downloading(server: LiveServer, chance: random.Random) -> None:
    size = chance.randint(1, 3 * MEBIBYTE)
    target = chance.choice(["/large?", "/large?length=1&", "/block?", "/bare/block?"])
    with server.client() as client:
        assert client.get(f"{target}size={size}").body == pattern(size)
        assert client.get("/stream").body.count(b"\n") == 5


def reading_slowly(server: LiveServer, chance: random.Random) -> None:
    """Takes the answer in small steps through a small buffer."""
    size = MEBIBYTE
    head = f"GET /large?length=1&size={size} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.settimeout(5)
        connection.connect(server.addresses[0])
        connection.sendall(head.encode())
        received = bytearray()
        while data := connection.recv(chance.randint(500, 5000)):
            received += data
    assert received.partition(b"\r\n\r\n")[2] == pattern(size)


def pipelining(server: LiveServer, chance: random.Random) -> None:
    bodies = [chance.randbytes(chance.randint(0, 5000)) for _ in range(10)]
    sizes = [chance.randint(0, 50_000) for _ in bodies]
    parts = [
        upload(body, chance) + request(f"/large?size={size}")
        for body, size in zip(bodies, sizes, strict=True)
    ]
    with server.client() as client:
        client.send(b"".join(parts))
        for body, size in zip(bodies, sizes, strict=True):
            assert_digest(client, body)
            assert client.read_response().body == pattern(size)


def aborting(server: LiveServer, chance: random.Random) -> None:
    """Goes away at some point, in one of the two ways."""
    beyond_memory = bytes(MEBIBYTE + 1)
    half_an_upload = b"POST /aborted HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%s"
    with server.client() as client:
        client.send(
            chance.choice(
                [
                    b"GET / HTTP",
                    half_an_upload % (10, b"half"),
                    half_an_upload % (100_000, b"x" * 50_000),
                    half_an_upload % (2 * MEBIBYTE, beyond_memory),
                    request("/a") * 20,
                    request("/large?size=100000") + request("/a"),
                    request(f"/large?size={4 * MEBIBYTE}"),
                    request("/stream"),
                ]
            )
        )
        if chance.random() < 0.5:
            linger = struct.pack("ii", 1, 0)
            client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


KINDS: list[Kind] = [
    fast,
    fast,
    uploading,
    dribbling,
    downloading,
    reading_slowly,
    pipelining,
    aborting,
    aborting,
]


@pytest.mark.slow
def test_clients_of_every_kind_get_every_byte_of_their_own(server: LiveServer) -> None:
    deadline = time.monotonic() + SECONDS

    def repeat(number: int) -> int:
        chance, rounds = random.Random(number), 0
        while time.monotonic() < deadline:
            KINDS[number % len(KINDS)](server, chance)
            rounds += 1
        return rounds

    with ThreadPoolExecutor(2 * len(KINDS)) as pool:
        rounds = list(pool.map(repeat, range(2 * len(KINDS))))
    assert min(rounds) > 0, rounds
    with server.client() as client:
        assert client.get("/calls?path=/aborted").body == b"0"
    assert "Traceback" not in server.log()


@pytest.mark.slow
@pytest.mark.measures
@pytest.mark.timeout(30)  # for machines that are busy with something else
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_neither_memory_nor_descriptors_grow_with_requests(server: LiveServer) -> None:
    chance = random.Random(1)
    exchange(server, chance, requests=4000, aborted=400)
    wait_until_let_go(server)
    before, descriptors = memory_bytes(server), count_descriptors(server)
    exchange(server, chance, requests=20_000, aborted=2000)
    wait_until_let_go(server)
    grown = memory_bytes(server) - before
    assert grown < 6 * MEBIBYTE, f"{grown / MEBIBYTE:.1f} MiB more than before"
    assert count_descriptors(server) <= descriptors + 2


def exchange(server: LiveServer, chance: random.Random, *, requests: int, aborted: int) -> None:
    mixed = [request("/a"), request("/stream"), request("/large?size=9000"), request("/block")]
    last = b"GET /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    batch = b"".join(mixed) * 100 + last
    for _ in range(requests // 400):
        with server.client() as client:
            client.send(batch)
            assert client.read_to_end().count(b"HTTP/1.1 200 OK\r\n") == 401
    for _ in range(aborted):
        aborting(server, chance)


def wait_until_let_go(server: LiveServer) -> None:
    """Returns once every aborted connection has been noticed: only this one is left."""
    with server.client() as client:
        server.wait_for(
            lambda: client.get("/a").status == 200 and server.count_connections() <= 1,
            "the aborted connections were gone",
        )
