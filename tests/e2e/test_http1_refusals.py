"""Requests that are refused: with which status, and that the connection ends (RFC 9112).

What is refused must never reach the app, and nothing behind it may be taken for a request.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.conftest import Serve
from tests.support import components
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse

HOST = b"Host: test\r\n"
POST = b"POST /refused HTTP/1.1\r\nHost: test\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BEHIND = b"GET /behind HTTP/1.1\r\nHost: test\r\n\r\n"

REFUSED = {
    # The request line (§3)
    "no-version": (400, b"GET /refused\r\n" + HOST + b"\r\n"),
    "two-spaces": (400, b"GET  /refused HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space-at-the-end": (400, b"GET /refused HTTP/1.1 \r\n" + HOST + b"\r\n"),
    "space-at-the-start": (400, b" GET /refused HTTP/1.1\r\n" + HOST + b"\r\n"),
    "space-in-target": (400, b"GET /refused x HTTP/1.1\r\n" + HOST + b"\r\n"),
    "method-not-a-token": (400, b"G(T /refused HTTP/1.1\r\n" + HOST + b"\r\n"),
    "control-in-target": (400, b"GET /refused\x01 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "nul-in-target": (400, b"GET /refused\0 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "fragment": (400, b"GET /refused#a HTTP/1.1\r\n" + HOST + b"\r\n"),
    "relative-target": (400, b"GET refused HTTP/1.1\r\n" + HOST + b"\r\n"),
    "asterisk": (400, b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "lower-case-version": (400, b"GET /refused http/1.1\r\n" + HOST + b"\r\n"),
    "tls": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "not-http": (400, b"hello there\r\n\r\n"),
    "version-2": (505, b"GET /refused HTTP/2.0\r\n" + HOST + b"\r\n"),
    "version-3": (505, b"GET /refused HTTP/3.0\r\n" + HOST + b"\r\n"),
    "connect": (501, b"CONNECT test:80 HTTP/1.1\r\n" + HOST + b"\r\n"),
    # Line ends (§2.2)
    "bare-lf": (400, b"GET /refused HTTP/1.1\nHost: test\n\n"),
    "bare-cr": (400, b"GET /refused HTTP/1.1\rHost: test\r\r\r\n\r\n"),
    "bare-cr-in-value": (400, b"GET /refused HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n"),
    # Fields (§5)
    "space-before-colon": (400, b"GET /refused HTTP/1.1\r\n" + HOST + b"X-A : b\r\n\r\n"),
    "no-colon": (400, b"GET /refused HTTP/1.1\r\n" + HOST + b"X-A\r\n\r\n"),
    "empty-name": (400, b"GET /refused HTTP/1.1\r\n" + HOST + b": b\r\n\r\n"),
    "name-not-a-token": (400, b"GET /refused HTTP/1.1\r\n" + HOST + b"X(A): b\r\n\r\n"),
    "folded-line": (400, b"GET /refused HTTP/1.1\r\n" + HOST + b"X-A: b\r\n c\r\n\r\n"),
    "folded-first-line": (400, b"GET /refused HTTP/1.1\r\n " + HOST + b"\r\n"),
    "nul-in-value": (400, b"GET /refused HTTP/1.1\r\n" + HOST + b"X-A: b\0c\r\n\r\n"),
    # Host (§3.2)
    "no-host": (400, b"GET /refused HTTP/1.1\r\n\r\n"),
    "two-hosts": (400, b"GET /refused HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "bad-host": (400, b"GET /refused HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "host-with-path": (400, b"GET /refused HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    # Framing (§6)
    "both-framings": (
        400,
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "both-framings-turned": (
        400,
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    "two-lengths": (400, POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "two-equal-lengths": (400, POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    "list-of-lengths": (400, POST + b"Content-Length: 1, 1\r\n\r\na"),
    "negative-length": (400, POST + b"Content-Length: -1\r\n\r\n"),
    "signed-length": (400, POST + b"Content-Length: +1\r\n\r\na"),
    "length-not-a-number": (400, POST + b"Content-Length: 1_0\r\n\r\n0123456789"),
    "hexadecimal-length": (400, POST + b"Content-Length: 0x1\r\n\r\na"),
    "empty-length": (400, POST + b"Content-Length:\r\n\r\n"),
    "length-beyond-64-bits": (400, POST + b"Content-Length: 99999999999999999999\r\n\r\n"),
    "gzip-coding": (400, POST + b"Transfer-Encoding: gzip\r\n\r\n"),
    "gzip-before-chunked": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "identity-coding": (400, POST + b"Transfer-Encoding: identity\r\n\r\n"),
    "chunked-twice": (400, POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "two-codings": (
        400,
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "vertical-tab-before-chunked": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n"),
    "chunked-in-http-1.0": (
        400,
        b"POST /refused HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    # Chunks (§7.1)
    "chunk-size-not-hexadecimal": (400, CHUNKED + b"g\r\n"),
    "chunk-size-with-prefix": (400, CHUNKED + b"0x1\r\na\r\n0\r\n\r\n"),
    "chunk-size-signed": (400, CHUNKED + b"+1\r\na\r\n0\r\n\r\n"),
    "chunk-size-empty": (400, CHUNKED + b"\r\n0\r\n\r\n"),
    "chunk-size-too-large": (400, CHUNKED + b"ffffffffffffffffff\r\n"),
    "chunk-longer-than-its-size": (400, CHUNKED + b"1\r\nab\r\n0\r\n\r\n"),
    "chunk-line-with-bare-lf": (400, CHUNKED + b"1\na\r\n0\r\n\r\n"),
    "chunk-with-bare-lf": (400, CHUNKED + b"1\r\na\n0\r\n\r\n"),
    "length-in-a-trailer": (400, CHUNKED + b"0\r\nContent-Length: 1\r\n\r\n"),
    # Sizes
    "long-target": (414, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "endless-request-line": (414, b"G" * 70_000),
    "long-header": (
        431,
        b"GET /refused HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    ),
    "many-headers": (431, b"GET /refused HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 100 + b"\r\n"),
}


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("plain:app")


@pytest.fixture(scope="module")
def small_server(serve: Serve) -> LiveServer:
    return serve("plain:app", "--max-body=1000")


def assert_refused(client: RawClient, response: RawResponse, status: int) -> None:
    assert response.status == status, response
    assert response.header("Connection") == "close"
    assert response.framing == "content-length"
    client.assert_closed()


def assert_not_called(server: LiveServer) -> None:
    with server.client() as other:
        assert other.get("/calls?path=/refused").body == b"0"
        assert other.get("/calls?path=/behind").body == b"0"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused(server: LiveServer, client: RawClient, name: str) -> None:
    status, request = REFUSED[name]
    response = client.request(request + BEHIND, method="GET")
    assert_refused(client, response, status)
    assert_not_called(server)


@pytest.mark.parametrize(
    "name", ["no-host", "two-lengths", "both-framings", "bare-lf", "gzip-coding"]
)
def test_it_is_refused_behind_a_good_request_too(
    server: LiveServer, client: RawClient, name: str
) -> None:
    status, request = REFUSED[name]
    client.send(b"GET /good HTTP/1.1\r\n" + HOST + b"\r\n" + request + BEHIND)
    assert client.read_response().body == b"/good"
    assert_refused(client, client.read_response(), status)
    assert_not_called(server)


def test_a_refusal_explains_itself_and_is_no_secret(client: RawClient) -> None:
    response = client.request(b"GET / HTTP/1.1\r\n\r\n")
    assert (response.header("Content-Type") or "").startswith("text/plain")
    assert b"Host" in response.body


def test_heads_within_the_limits_pass(client: RawClient) -> None:
    assert client.get("/a?" + "b" * 8_000).status == 200
    assert client.get("/a", "X: " + "b" * 60_000).status == 200
    assert client.get("/a", *["X: a"] * 99).status == 200


def test_a_refused_client_that_goes_on_sending_still_reads_why(server: LiveServer) -> None:
    """Closing a socket with bytes unread resets it, and the answer is lost (RFC 9112 §9.6)."""
    with server.client() as client:
        client.send(POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n")
        client.send(b"x" * 200_000)
        assert client.read_response().status == 400


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_a_body_up_to_the_limit_passes(small_server: LiveServer, size: int) -> None:
    body = b"x" * size
    with small_server.client() as client:
        for framing in (
            b"Content-Length: %d\r\n\r\n%s" % (size, body),
            b"Transfer-Encoding: chunked\r\n\r\n"
            + (b"%x\r\n%s\r\n" % (size, body) if body else b"")
            + b"0\r\n\r\n",
        ):
            response = client.request(b"POST /echo HTTP/1.1\r\nHost: test\r\n" + framing)
            assert (response.status, response.body) == (200, body)


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 1001\r\n\r\n",
        POST + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001,
        POST + b"Content-Length: 9999999999999\r\n\r\n",
        CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        CHUNKED + b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n" + b"x" * 501 + b"\r\n0\r\n\r\n",
    ],
    ids=["announced", "sent", "huge", "one-chunk", "two-chunks"],
)
def test_a_body_over_the_limit_is_a_413(small_server: LiveServer, request_: bytes) -> None:
    with small_server.client() as client:
        assert_refused(client, client.request(request_ + BEHIND), 413)
    assert_not_called(small_server)


def test_a_client_that_sends_all_of_a_body_over_the_limit_still_reads_why(
    small_server: LiveServer,
) -> None:
    with small_server.client() as client:
        client.send(POST + b"Content-Length: 200000\r\n\r\n")
        client.send(b"x" * 200_000)
        assert client.read_response().status == 413


def test_a_client_that_sends_head_and_body_in_one_go_still_reads_why(
    small_server: LiveServer,
) -> None:
    """Its bytes wait in the socket already when the server decides."""
    size = 4_000_000
    with small_server.client() as client:
        client.send(POST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
        assert client.read_response().status == 413
        assert client.read_to_end() == b""


@pytest.mark.slow
def test_a_client_that_sends_a_refused_body_slowly_still_reads_why(
    small_server: LiveServer,
) -> None:
    """As long as bytes come, it has not read the answer, which a reset would take from it."""
    with small_server.client() as client, small_server.client() as other:
        client.send(POST + b"Content-Length: 100000000\r\n\r\n")
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            client.send(b"x" * 1000)
            assert other.get("/a").body == b"/a"
        assert client.read_response().status == 413


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_requests_reads_why_a_large_upload_is_refused(
    small_server: LiveServer, framing: str
) -> None:
    """It writes everything before it reads."""
    piece = b"x" * 65536
    body = piece * 1024 if framing == "sized" else (piece for _ in range(1024))
    assert requests.post(f"{small_server.url}/refused", data=body, timeout=5).status_code == 413


@pytest.mark.slow
@pytest.mark.parametrize("headers", [(), ("Expect:",), ("Transfer-Encoding: chunked",)])
def test_curl_reads_why_a_large_upload_is_refused(
    small_server: LiveServer, tmp_path: Path, headers: tuple[str, ...]
) -> None:
    upload = tmp_path / "upload"
    with upload.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    curl = [components.program("curl"), "-sS", "-w", "%{http_code}", "-o", tmp_path / "answer"]
    flags = [flag for header in headers for flag in ("-H", header)]
    done = subprocess.run(
        [*curl, *flags, "-T", upload, f"{small_server.url}/refused"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("413", "")
