"""One connection, several requests (RFC 9112 §9)."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("plain:app")


def get(path: str, *headers: str, version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"GET {path} {version}", "Host: test", *headers, "", ""]).encode()


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def chunked(path: str, *chunks: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head.encode() + body + b"0\r\n\r\n"


def assert_let_go(client: RawClient) -> None:
    """Fails unless the connection ends, in whichever way, with a refusal or with nothing."""
    try:
        rest = client.read_to_end()
    except Truncated as reset:
        rest = reset.received
    assert rest == b"" or rest.startswith(b"HTTP/1.1 400 "), rest


def test_a_connection_is_kept(client: RawClient) -> None:
    for number in range(20):
        response = client.get(f"/{number}")
        assert response.body == f"/{number}".encode()
        assert response.header("Connection") is None


@pytest.mark.parametrize("value", ["close", "Close", "x, close", "close, x"])
def test_a_client_may_ask_for_the_end(client: RawClient, value: str) -> None:
    response = client.get("/a", f"Connection: {value}")
    assert response.body == b"/a"
    assert response.header("Connection") == "close"
    client.assert_closed()


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_an_empty_line_behind_the_last_request_does_not_reset_its_answer(
    server: LiveServer, client: RawClient, version: str
) -> None:
    """Old clients send one (RFC 9112 §2.2), and may lose the answer to a reset (§9.6)."""
    with server.client() as other:
        other.get("/shut")
        before = int(other.get("/calls?path=/wait").body)
        client.send(get("/wait", "Connection: close", version=version))
        server.wait_for(
            lambda: int(other.get("/calls?path=/wait").body) > before, "the app had the request"
        )
        client.send(b"\r\n")
        other.get("/open")
    assert client.read_response().body == b"open"
    assert client.connection.recv(1) == b""  # a reset raises an exception


def test_the_app_may_ask_for_the_end(client: RawClient) -> None:
    response = client.get("/close")
    assert response.body == b"bye"
    assert response.header("Connection") == "close"
    client.assert_closed()


def test_http_1_0_ends_after_one_answer(client: RawClient) -> None:
    response = client.request(get("/a", version="HTTP/1.0"))
    assert (response.body, response.header("Connection")) == (b"/a", "close")
    client.assert_closed()


def test_http_1_0_may_ask_to_be_kept(client: RawClient) -> None:
    for _ in range(3):
        response = client.request(get("/a", "Connection: keep-alive", version="HTTP/1.0"))
        assert response.body == b"/a"
        assert (response.header("Connection") or "").lower() == "keep-alive"


def test_http_1_0_can_not_be_kept_when_only_the_end_shows_the_length(client: RawClient) -> None:
    response = client.request(get("/stream", "Connection: keep-alive", version="HTTP/1.0"))
    assert response.framing == "until-close"
    assert response.body.count(b"\n") == 5
    assert response.header("Connection") == "close"


def test_pipelined_requests_are_answered_in_order(client: RawClient) -> None:
    client.send(b"".join(get(f"/{number}") for number in range(100)))
    for number in range(100):
        assert client.read_response().body == f"/{number}".encode()
    assert client.leftover == b""


@pytest.mark.parametrize("count", [1000, pytest.param(4000, marks=pytest.mark.slow)])
def test_a_pipeline_longer_than_one_read_is_answered_to_its_end(
    server: LiveServer, client: RawClient, count: int
) -> None:
    """The kernel tells of bytes once; those that were not read then must not be forgotten."""
    with server.client() as other:
        other.get("/shut")
        client.send(get("/wait") + b"".join(get(f"/{number}") for number in range(count)))
        server.wait_for(lambda: other.get("/calls?path=/wait").body != b"0", "the app had the gate")
        other.get("/open")
    assert client.read_response().body == b"open"
    for number in range(count):
        assert client.read_response().body == f"/{number}".encode()
    assert client.get("/after").body == b"/after"


def test_a_request_that_comes_while_an_answer_is_being_taken_is_not_forgotten(
    server: LiveServer,
) -> None:
    size = 900_000  # the server keeps it all, and its loop sends it on as there is room
    with socket.socket() as connection, server.client() as other:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(server.addresses[0])
        client = RawClient(connection)
        client.send(get(f"/block?size={size}"))
        assert connection.recv(1, socket.MSG_PEEK)
        for _ in range(5):
            other.get("/a")  # so the loop has come round
        client.send(get("/second"))
        for _ in range(5):
            other.get("/a")
        assert len(client.read_response().body) == size
        assert client.read_response().body == b"/second"


def test_pipelined_requests_of_every_kind_stay_in_step(client: RawClient) -> None:
    client.send(
        post("/echo", b"one")
        + get("/stream")
        + chunked("/echo", b"t", b"wo")
        + post("/ignore", b"GET /evil HTTP/1.1\r\nHost: test\r\n\r\n")
        + get("/status?line=204%20No%20Content")
        + get("/sized")
        + chunked("/ignore", b"x" * 5000)
        + get("/last", "Connection: close")
        + get("/after-the-last")
    )
    bodies = [client.read_response().body for _ in range(8)]
    lines = b"".join(b"line %d\n" % number for number in range(5))
    assert bodies == [b"one", lines, b"two", b"ignored", b"", lines, b"ignored", b"/last"]
    client.assert_closed()


def test_requests_that_come_byte_by_byte_are_understood(client: RawClient) -> None:
    client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    requests = get("/a", "X-A: b") + post("/echo", b"sized") + chunked("/echo", b"chun", b"ked")
    for byte in requests:
        client.send(bytes([byte]))
    assert [client.read_response().body for _ in range(3)] == [b"/a", b"sized", b"chunked"]


@pytest.mark.parametrize("cut", range(1, 96, 7))
def test_a_cut_anywhere_changes_nothing(client: RawClient, cut: int) -> None:
    client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    requests = chunked("/echo", b"abc") + get("/next")
    assert len(requests) > cut
    client.send(requests[:cut])
    client.send(requests[cut:])
    assert [client.read_response().body for _ in range(2)] == [b"abc", b"/next"]


def test_an_empty_line_before_a_request_is_passed_over(client: RawClient) -> None:
    """Old clients send one behind a body (RFC 9112 §2.2)."""
    client.send(post("/echo", b"x") + b"\r\n" + get("/a"))
    assert [client.read_response().body for _ in range(2)] == [b"x", b"/a"]


def test_a_client_that_has_sent_everything_still_gets_its_answers(client: RawClient) -> None:
    client.send(get("/stream") + get("/b"))
    client.connection.shutdown(socket.SHUT_WR)
    assert client.read_response().body.count(b"\n") == 5
    assert client.read_response().body == b"/b"
    client.assert_closed()


@pytest.mark.skipif(not hasattr(socket, "MSG_MORE"), reason="Linux holds bytes back for the end")
@pytest.mark.parametrize("is_first", [True, False])
def test_an_end_that_comes_along_with_a_request_is_noticed(
    client: RawClient, is_first: bool
) -> None:
    if not is_first:
        assert client.get("/a").body == b"/a"
    client.connection.send(get("/stream") + get("/b"), socket.MSG_MORE)
    client.connection.shutdown(socket.SHUT_WR)
    assert client.read_response().body.count(b"\n") == 5
    assert client.read_response().body == b"/b"
    client.assert_closed()


def test_a_client_that_ends_in_the_middle_of_a_head_is_let_go(client: RawClient) -> None:
    client.send(b"GET /half HTTP/1.1\r\nHost:")
    client.connection.shutdown(socket.SHUT_WR)
    assert_let_go(client)


def test_connections_without_a_request_do_not_matter(server: LiveServer) -> None:
    idle = [server.connect() for _ in range(50)]
    try:
        with server.client() as client:
            assert client.get("/a").body == b"/a"
    finally:
        for connection in idle:
            connection.close()
    with server.client() as client:
        assert client.get("/a").body == b"/a"
