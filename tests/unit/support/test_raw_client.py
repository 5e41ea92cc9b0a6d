from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.raw_client import RawClient, Truncated, WireError


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, RawClient]]:
    server, connection = socket.socketpair()
    connection.settimeout(2)
    with server, RawClient(connection) as client:
        yield server, client


def test_reads_pipelined_responses_one_by_one_and_keeps_what_follows(pair) -> None:
    server, client = pair
    server.sendall(
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 Fine\r\nX-Case: a\r\nContent-Length: 3\r\n\r\none"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\ntw\r\n1\r\no\r\n0\r\nX-T: 1\r\n\r\n"
        b"rest"
    )
    assert client.read_response().status == 100
    first = client.read_response()
    assert (first.reason, first.headers[0], first.body) == ("Fine", ("X-Case", "a"), b"one")
    second = client.read_response()
    assert (second.body, second.chunks, second.trailers) == (b"two", (b"tw", b"o"), (("X-T", "1"),))
    assert client.leftover == b"rest"


@pytest.mark.parametrize(
    ("method", "head"),
    [("HEAD", b"200 OK\r\nContent-Length: 9"), ("GET", b"304 Not Modified"), ("GET", b"204 -")],
)
def test_some_responses_have_no_body_whatever_their_head_says(pair, method, head) -> None:
    server, client = pair
    server.sendall(b"HTTP/1.1 " + head + b"\r\n\r\n")
    response = client.read_response(method)
    assert (response.framing, response.body) == ("none", b"")


def test_a_body_without_a_length_ends_with_the_connection(pair) -> None:
    server, client = pair
    server.sendall(b"HTTP/1.0 200 OK\r\n\r\nall of it")
    server.close()
    assert client.read_response().body == b"all of it"
    client.assert_closed()


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
    ],
)
def test_a_response_that_breaks_off_is_told_from_one_that_ends(pair, sent) -> None:
    server, client = pair
    server.sendall(sent)
    server.close()
    with pytest.raises(Truncated):
        client.read_response()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 200 OK\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ],
)
def test_sloppy_responses_are_refused(pair, head) -> None:
    server, client = pair
    server.sendall(head)
    with pytest.raises(WireError):
        client.read_response()
