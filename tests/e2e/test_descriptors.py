"""Few descriptors and many clients: who is there is answered, and nobody waits for ever."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import APPS, assert_validator_is_content
from tests.support.live_server import LiveServer
from tests.support.processes import count_descriptors, cpu_seconds
from tests.support.raw_client import RawClient

FILES = 128
TROUBLE = "no more files can be opened"
LOOK_SECONDS = 1.0
HALF_A_HEAD = b"GET / HTTP/1.1\r\n"

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """A server that may open no more than `FILES`; it is not told so."""
    with LiveServer(
        "hoarding:app", "--body-buffer=64KiB", directory=APPS, ulimit=f"-n {FILES}"
    ) as server:
        yield server
    assert_validator_is_content(server)
    assert "Traceback" not in server.log()


def busy_clients(stack: ExitStack, server: LiveServer, count: int) -> list[RawClient]:
    """Clients in the middle of a request: none of them is idle."""
    before = count_descriptors(server)
    clients = [stack.enter_context(server.client()) for _ in range(count)]
    for client in clients:
        client.send(HALF_A_HEAD)
    server.wait_for(lambda: count_descriptors(server) == before + count, "all were accepted")
    return clients


def hoard(stack: ExitStack, server: LiveServer) -> RawClient:
    """Has the app take all descriptors; the client is then in the middle of `/leave`."""
    client = stack.enter_context(server.client())
    client.send(b"GET /take HTTP/1.1\r\nHost: test\r\n\r\nGET /leave HTTP/1.1\r\n")
    assert int(client.read_response().body) > 0
    return client


def let_go(client: RawClient) -> None:
    client.send(b"Host: test\r\n\r\n")
    assert client.read_response().body == b"left"


def is_readable(client: RawClient, seconds: float) -> bool:
    return bool(select.select([client.connection], [], [], seconds)[0])


def test_a_low_soft_limit_is_raised() -> None:
    with LiveServer("hoarding:app", directory=APPS, ulimit=f"-Sn {FILES}") as server:
        with ExitStack() as stack:
            clients = [stack.enter_context(server.client()) for _ in range(2 * FILES)]
            for client in clients:
                assert client.get().body == b"hello"
            for client in clients:
                assert client.get().body == b"hello"
        assert "there is room for" not in server.log()


def test_a_low_hard_limit_is_told_once_with_what_can_be_done(server: LiveServer) -> None:
    lines = server.log().splitlines()
    warnings = [line for line in lines if line.startswith("warning") and "as root" not in line]
    assert warnings == [
        "warning: there is room for 96 connections, not for 16384: this process may open 128 "
        "files at most"
    ]
    assert "hint: raise that limit" in server.log()


def test_more_clients_than_descriptors_are_all_answered(server: LiveServer) -> None:
    with ExitStack() as stack:
        for _ in range(3 * FILES):
            client = stack.enter_context(server.client())
            assert client.get().body == b"hello"
    assert TROUBLE not in server.log()


def test_the_app_has_descriptors_left_whoever_connects(server: LiveServer) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(FILES)]
        assert clients[-1].get("/a-file").body == b"kept"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_without_descriptors_idle_connections_make_room(server: LiveServer) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(server.client()) for _ in range(20)]
        for client in idle:
            assert client.get().body == b"hello"
        hoarder = hoard(stack, server)
        for _ in range(40):
            client = stack.enter_context(server.client())
            assert client.get().body == b"hello"
        let_go(hoarder)
    assert server.log().count(TROUBLE) == 1, server.log()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_without_descriptors_and_idle_connections_a_client_waits_at_no_cost(
    server: LiveServer,
) -> None:
    with ExitStack() as stack:
        busy = busy_clients(stack, server, 20)
        hoarder = hoard(stack, server)
        waiting = [stack.enter_context(server.client()) for _ in range(10)]
        for client in waiting:
            client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log(TROUBLE)
        cpu = cpu_seconds(server)
        assert not is_readable(waiting[0], LOOK_SECONDS)
        assert cpu_seconds(server) - cpu < LOOK_SECONDS / 5
        assert server.log().count(TROUBLE) == 1, server.log()
        # Those that are there are answered as ever, and one that leaves makes room.
        busy[0].send(b"Host: test\r\n\r\n")
        assert busy[0].read_response().body == b"hello"
        for client in waiting:
            assert client.read_response().body == b"hello"
        let_go(hoarder)
        for client in busy[1:]:
            client.send(b"Host: test\r\n\r\n")
            assert client.read_response().body == b"hello"


def test_without_descriptors_a_client_that_leaves_makes_room(server: LiveServer) -> None:
    with ExitStack() as stack:
        busy = busy_clients(stack, server, 20)
        hoarder = hoard(stack, server)
        waiting = stack.enter_context(server.client())
        waiting.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log(TROUBLE)
        started = time.monotonic()
        busy[0].close()
        assert waiting.read_response().body == b"hello"
        assert time.monotonic() - started < LOOK_SECONDS
        let_go(hoarder)


def test_a_body_that_needs_a_file_is_refused_while_there_is_none(server: LiveServer) -> None:
    body = b"x" * 200_000
    upload = b"POST /length HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with ExitStack() as stack:
        client = stack.enter_context(server.client())
        client.send(upload[:20])
        hoarder = hoard(stack, server)
        client.send(upload[20:])
        response = client.read_response("POST")
        assert (response.status, response.header("Retry-After")) == (503, "1")
        server.wait_for_log(TROUBLE)
        let_go(hoarder)
        other = stack.enter_context(server.client())
        assert other.request(upload).body == b"200000"
