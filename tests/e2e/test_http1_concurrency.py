"""A slow request, or a slow client, stops nobody else."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("plain:app")


@pytest.fixture(scope="module")
def small_server(serve: Serve) -> LiveServer:
    return serve("plain:app", "--threads=2")


def request(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def clients(stack: ExitStack, server: LiveServer, count: int) -> list[RawClient]:
    return [stack.enter_context(server.client()) for _ in range(count)]


def wait_until_called(server: LiveServer, client: RawClient, path: str, times: int) -> None:
    server.wait_for(
        lambda: int(client.get(f"/calls?path={path}").body) >= times,
        f"{path} had been called {times} times",
    )


@pytest.mark.slow
def test_a_view_that_sleeps_stops_nobody(server: LiveServer) -> None:
    with server.client() as sleeper, server.client() as other:
        started = time.monotonic()
        sleeper.send(request("/sleep?seconds=1"))
        for number in range(50):
            assert other.get(f"/{number}").body == f"/{number}".encode()
        assert time.monotonic() - started < 0.5
        assert sleeper.read_response().body == b"slept"


@pytest.mark.slow
def test_thirty_views_that_sleep_take_the_time_of_one(server: LiveServer) -> None:
    with ExitStack() as stack:
        sleepers = clients(stack, server, 30)
        started = time.monotonic()
        for sleeper in sleepers:
            sleeper.send(request("/sleep?seconds=1"))
        assert {sleeper.read_response().body for sleeper in sleepers} == {b"slept"}
        assert time.monotonic() - started < 1.8


def test_sixty_views_may_wait_for_one_that_comes_later(server: LiveServer) -> None:
    """The default is 64 threads; whoever opens the gate needs one of them."""
    with ExitStack() as stack:
        waiting = clients(stack, server, 60)
        other = stack.enter_context(server.client())
        other.get("/shut")
        before = int(other.get("/calls?path=/wait").body)
        for client in waiting:
            client.send(request("/wait"))
        wait_until_called(server, other, "/wait", before + 60)
        assert other.get("/open").body == b"opened"
        assert {client.read_response().body for client in waiting} == {b"open"}


@pytest.mark.slow
def test_requests_over_the_number_of_threads_wait_their_turn(small_server: LiveServer) -> None:
    with ExitStack() as stack:
        sleepers = clients(stack, small_server, 8)
        for sleeper in sleepers:
            sleeper.send(request("/sleep?seconds=0.1"))
        responses = [sleeper.read_response() for sleeper in sleepers]
    assert {(response.status, response.body) for response in responses} == {(200, b"slept")}


@pytest.mark.parametrize("target", ["/large?size={}", "/large?length=1&size={}", "/block?size={}"])
def test_a_client_that_does_not_read_stops_nobody(server: LiveServer, target: str) -> None:
    size = 20 * MEBIBYTE  # more than all the buffers on the way hold
    with server.client() as lazy, server.client() as other:
        lazy.send(request(target.format(size)))
        assert lazy.connection.recv(1)
        for number in range(20):
            assert other.get(f"/{number}").body == f"/{number}".encode()


def test_many_clients_that_do_not_read_stop_nobody(server: LiveServer) -> None:
    with ExitStack() as stack:
        lazy = clients(stack, server, 20)
        for client in lazy:
            client.send(request(f"/large?length=1&size={4 * MEBIBYTE}"))
        other = stack.enter_context(server.client())
        for number in range(20):
            assert other.get(f"/{number}").body == f"/{number}".encode()
        for client in lazy:
            assert len(client.read_response().body) == 4 * MEBIBYTE


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost:",
        b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf",
        b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
)
def test_clients_that_send_half_a_request_stop_nobody(server: LiveServer, part: bytes) -> None:
    with ExitStack() as stack:
        for slow in clients(stack, server, 100):
            slow.send(part)
        other = stack.enter_context(server.client())
        for number in range(20):
            assert other.get(f"/{number}").body == f"/{number}".encode()


def test_a_pipeline_waits_for_its_own_slow_view_only(server: LiveServer) -> None:
    with server.client() as pipeline, server.client() as other:
        other.get("/shut")
        before = int(other.get("/calls?path=/wait").body)
        pipeline.send(request("/wait") + request("/after"))
        wait_until_called(server, other, "/wait", before + 1)
        assert other.get("/calls?path=/after").body == b"0"
        other.get("/open")
        assert pipeline.read_response().body == b"open"
        assert pipeline.read_response().body == b"/after"
