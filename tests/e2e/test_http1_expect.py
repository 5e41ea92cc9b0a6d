"""`Expect: 100-continue` (RFC 9110 §10.1.1)."""

from __future__ import annotations

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

EXPECTING = b"POST %s HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
EXPECTING_CHUNKED = (
    b"POST %s HTTP/1.1\r\nHost: test\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("plain:app", "--max-body=1000")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (EXPECTING % (b"/echo", 4), b"body"),
        (EXPECTING_CHUNKED % b"/echo", b"4\r\nbody\r\n0\r\n\r\n"),
    ],
    ids=["sized", "chunked"],
)
def test_a_client_that_waits_is_told_once_to_go_on(
    client: RawClient, head: bytes, body: bytes
) -> None:
    for _ in range(2):
        client.send(head)
        interim = client.read_response()
        assert (interim.status, interim.headers) == (100, ())
        for byte in body:
            client.send(bytes([byte]))
        final = client.read_response()
        assert (final.status, final.body) == (200, b"body")
    assert client.leftover == b""


def test_a_client_that_does_not_wait_is_not_told(client: RawClient) -> None:
    response = client.request(EXPECTING % (b"/echo", 4) + b"body")
    assert (response.status, response.body) == (200, b"body")
    response = client.request(EXPECTING_CHUNKED % b"/echo" + b"4\r\nbody\r\n0\r\n\r\n")
    assert (response.status, response.body) == (200, b"body")


def test_a_pipelined_request_that_waits_is_told_after_the_answer_before_it(
    client: RawClient,
) -> None:
    client.send(b"GET /stream HTTP/1.1\r\nHost: test\r\n\r\n" + EXPECTING % (b"/echo", 4))
    assert client.read_response().body.count(b"\n") == 5
    assert client.read_response().status == 100
    client.send(b"body")
    assert client.read_response().body == b"body"


def test_without_a_body_there_is_nothing_to_wait_for(client: RawClient) -> None:
    assert client.get("/a", "Expect: 100-continue").status == 200
    assert client.request(EXPECTING % (b"/echo", 0)).status == 200


def test_http_1_0_is_never_told(client: RawClient) -> None:
    client.send(b"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    client.send(b"body")
    assert (response := client.read_response()).status == 200
    assert response.body == b"body"


def test_another_expectation_is_refused(client: RawClient) -> None:
    assert client.get("/a", "Expect: a-miracle").status == 417
    client.assert_closed()


def test_a_body_over_the_limit_is_refused_before_it_is_sent(client: RawClient) -> None:
    assert client.request(EXPECTING % (b"/too-large", 1001)).status == 413
    client.assert_closed()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (EXPECTING % (b"/refused", 4) + b"Content-Length: 5\r\n", 400),
        (EXPECTING_CHUNKED % b"/refused" + b"Transfer-Encoding: gzip\r\n", 400),
        (EXPECTING % (b"/refused", 4) + b"X: %s\r\n" % (b"x" * 70_000), 431),
        (EXPECTING % (b"/" + b"a" * 9000, 4), 414),
    ],
    ids=["two-lengths", "coding", "large-head", "long-target"],
)
def test_a_client_that_is_refused_is_not_told_to_go_on(
    client: RawClient, request_: bytes, status: int
) -> None:
    head, _, more = request_.partition(b"\r\n\r\n")
    response = client.request(head + b"\r\n" + more + b"\r\n")
    assert response.status == status
    client.assert_closed()


def test_the_app_is_not_called_while_the_client_waits(server: LiveServer) -> None:
    with server.client() as waiting, server.client() as other:
        waiting.send(EXPECTING % (b"/waiting", 4))
        assert waiting.read_response().status == 100
        assert other.get("/calls?path=/waiting").body == b"0"
