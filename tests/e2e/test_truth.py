"""Neither side is told a lie, and nobody waits for somebody else's slow client.

What servers for Python get wrong on the wire when the application or its client misbehaves, as
far as the files `test_wsgi_*.py` and `test_http1_*.py` don't say it for their own parts.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import APPS, Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated

MEBIBYTE = 1024 * 1024
SECRET = "a-secret-of-the-environment"
UPLOAD = b"POST /upload HTTP/1.1\r\nHost: test\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    environment = {"DATABASE_PASSWORD": SECRET}
    with LiveServer("truths:app", "--threads=2", directory=APPS, env=environment) as server:
        yield server


@pytest.fixture(scope="module")
def roomy_server(serve: Serve) -> LiveServer:
    """With as many threads as it likes, as it is by default."""
    return serve("truths:app")


@pytest.fixture(scope="module")
def tls_server(serve: Serve) -> LiveServer:
    return serve("truths:app", "--cert=adhoc")


@pytest.fixture(scope="module")
def faulty_server(serve: Serve) -> LiveServer:
    return serve("starting:app")


def request(target: str, version: str = "1.1") -> bytes:
    return f"GET {target} HTTP/{version}\r\nHost: test\r\n\r\n".encode()


def tls_client(server: LiveServer) -> RawClient:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = context.wrap_socket(server.connect(), suppress_ragged_eofs=False)
    return RawClient(connection)


def assert_serves(server: LiveServer) -> None:
    with server.client() as client:
        assert client.get("/fine").body == b"fine"


# What the application gets wrong


def test_a_stream_that_fails_after_two_pieces_is_cut(server: LiveServer, client: RawClient) -> None:
    with pytest.raises(Truncated) as broken:
        client.get("/fails-later")
    assert broken.value.where == "a chunk's size"
    server.wait_for_log("ValueError: after two pieces")


def test_a_stream_that_fails_is_cut_by_a_reset_for_http_1_0(client: RawClient) -> None:
    """Its body ends with the connection, so that an orderly end would look like the whole."""
    with pytest.raises(Truncated) as broken:
        client.request(request("/fails-later", "1.0"))
    assert broken.value.where == "a body until close"


def test_a_stream_that_fails_over_tls_is_cut(tls_server: LiveServer) -> None:
    with tls_client(tls_server) as client, pytest.raises((Truncated, ssl.SSLEOFError)):
        client.get("/fails-later")


def test_a_stream_that_fails_over_tls_is_not_ended_in_order_for_http_1_0(
    tls_server: LiveServer,
) -> None:
    with tls_client(tls_server) as client, pytest.raises((Truncated, ssl.SSLEOFError)):
        client.request(request("/fails-later", "1.0"))


def test_a_view_that_exits_ends_its_own_request_only(server: LiveServer) -> None:
    """Also after more of them than there are threads."""
    for _ in range(10):
        with server.client() as client:
            assert client.get("/exits").status == 500
    assert server.is_running
    server.wait_for_log("SystemExit")
    assert_serves(server)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("value-with-line-break", "the value of the header `X-A` holds a control character"),
        ("name-with-line-break", r"the header name `X-A\r\nX-Evil` is not a token"),
    ],
)
def test_a_line_break_in_a_header_is_a_500_and_the_log_names_the_header(
    faulty_server: LiveServer, fault: str, complaint: str
) -> None:
    with faulty_server.client() as client:
        response = client.get(f"/bare/broken_head?{fault}")
    assert (response.status, response.header("X-Evil")) == (500, None)
    faulty_server.wait_for_log(complaint)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/too_long", "announced 4 bytes with Content-Length and gave 8 at `GET /too_long`"),
        ("/too_short", "announced 10 bytes with Content-Length and gave 4 at `GET /too_short`"),
    ],
)
def test_a_length_that_is_not_kept_is_logged_with_its_request(
    faulty_server: LiveServer, path: str, complaint: str
) -> None:
    with faulty_server.client() as client:
        client.send(request(path))
        assert client.connection.recv(1)
        faulty_server.wait_for_log(complaint)


def test_the_connection_setting_of_published_event_streams_does_no_harm(
    client: RawClient,
) -> None:
    client.send(request("/events"))
    received = b""
    while received.count(b"data: tick") < 3:
        received += client.connection.recv(4096)
    head = received.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 200 ok")
    assert b"transfer-encoding: chunked" in head
    assert b"connection: keep-alive" not in head


@pytest.mark.slow
def test_a_listener_of_events_that_goes_gives_its_thread_back(server: LiveServer) -> None:
    """One after the other, more of them than there are threads."""
    for _ in range(6):
        with server.client() as client:
            client.send(request("/events"))
            assert client.connection.recv(4096)
    assert_serves(server)


# What the client gets wrong


@pytest.mark.parametrize(
    "upload",
    [
        UPLOAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 10,
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\na\r\nxxxxxxxxxx\r\n",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\na\r\nxxxxx",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\ngarbage\r\n",
    ],
    ids=["sized", "between-chunks", "in-a-chunk", "bad-size", "bare-lf", "bad-second-chunk"],
)
def test_an_upload_that_is_not_whole_is_a_400_and_never_reaches_a_view(
    server: LiveServer, upload: bytes
) -> None:
    with server.client() as client, server.client() as other:
        before = other.get("/calls?path=/upload").body
        client.send(upload)
        client.connection.shutdown(socket.SHUT_WR)
        assert client.read_response().status == 400
        client.assert_closed()
        assert other.get("/calls?path=/upload").body == before


def test_a_truncated_upload_over_tls_never_reaches_a_view(tls_server: LiveServer) -> None:
    with tls_client(tls_server) as client:
        client.send(UPLOAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 10)
    with tls_client(tls_server) as other:
        for _ in range(3):
            assert other.get("/fine").body == b"fine"
        assert other.get("/calls?path=/upload").body == b"0"


def test_a_client_can_not_overrule_what_a_proxy_says(client: RawClient) -> None:
    headers = ["X-Forwarded-For: 1.1.1.1", "X_Forwarded_For: 6.6.6.6", "Proxy: http://6.6.6.6"]
    found = json.loads(client.get("/environ", *headers).body)
    assert found["HTTP_X_FORWARDED_FOR"] == "'1.1.1.1'"
    assert "6.6.6.6" not in str(found)


def test_the_secrets_of_the_environment_are_not_in_the_environ(client: RawClient) -> None:
    assert SECRET not in client.get("/environ").body.decode()


@pytest.mark.parametrize("path", ["/", "//evil.example/", "/\\evil.example"])
def test_a_request_without_a_host_never_reaches_a_view(client: RawClient, path: str) -> None:
    response = client.request(f"GET {path} HTTP/1.1\r\nX-Forwarded-Host: a\r\n\r\n".encode())
    assert response.status == 400
    client.assert_closed()


# Slow clients, more of them than there are threads


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: te",
        UPLOAD + b"Content-Length: 1000\r\n\r\nx",
        UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\nx",
    ],
    ids=["silent", "half-a-head", "half-a-body", "half-a-chunk"],
)
def test_slow_clients_stop_nobody(server: LiveServer, part: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(server.client()).send(part)
        for _ in range(5):
            assert_serves(server)


@pytest.mark.slow
def test_slow_readers_of_128_megabytes_stop_nobody(roomy_server: LiveServer) -> None:
    with ExitStack() as stack:
        for _ in range(12):
            slow = stack.enter_context(roomy_server.client())
            slow.send(request("/megabytes/128"))
            assert slow.connection.recv(1)
        for _ in range(5):
            assert_serves(roomy_server)


def test_120_idle_connections_lock_nobody_out(server: LiveServer) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(server.client()) for _ in range(120)]
        for client in idle:
            assert client.get("/fine").body == b"fine"
        assert_serves(server)
        for client in idle:
            assert client.get("/fine").body == b"fine"
