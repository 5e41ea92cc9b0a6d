"""How answers are framed (RFC 9112 §6, RFC 9110 §6.4.1, §9.3.2, §15.3.5, §15.4.5)."""

from __future__ import annotations

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

LINES = [f"line {number}\n".encode() for number in range(5)]


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("plain:app")


def request(method: str, path: str, version: str = "HTTP/1.1") -> bytes:
    return f"{method} {path} {version}\r\nHost: test\r\n\r\n".encode()


def test_a_length_that_the_app_gives_is_used(client: RawClient) -> None:
    response = client.get("/sized")
    assert (response.framing, response.body) == ("content-length", b"".join(LINES))
    assert response.header("Transfer-Encoding") is None


def test_without_a_length_http_1_1_gets_chunks(client: RawClient) -> None:
    response = client.get("/stream")
    assert (response.framing, response.body) == ("chunked", b"".join(LINES))
    assert response.header("Connection") is None


@pytest.mark.parametrize("path", ["/stream", "/sized", "/large?size=200000", "/block?size=200000"])
def test_http_1_0_never_gets_chunks(client: RawClient, path: str) -> None:
    response = client.request(request("GET", path, "HTTP/1.0"))
    assert response.header("Transfer-Encoding") is None
    assert response.framing == (
        "until-close" if path in {"/stream", "/large?size=200000"} else "content-length"
    )
    assert response.body
    client.assert_closed()


@pytest.mark.parametrize("path", ["/a", "/stream", "/sized", "/block?size=200000", "/large"])
def test_head_gets_the_head_of_get_and_no_body(client: RawClient, path: str) -> None:
    wanted = client.get(path)
    for _ in range(2):
        response = client.request(request("HEAD", path))
        assert (response.status, response.body) == (wanted.status, b"")
        assert response.header("Content-Type") == wanted.header("Content-Type")
        if wanted.framing == "content-length":
            assert response.header("Content-Length") == wanted.header("Content-Length")
    assert client.get("/next").body == b"/next"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_some_answers_have_no_body_whatever_the_app_returns(
    client: RawClient, status: str, method: str, version: str
) -> None:
    target = f"/bare/status?line={status.replace(' ', '%20')}"
    response = client.request(request(method, target, version))
    assert f"{response.status} {response.reason}" == status
    assert response.body == b""
    assert response.header("Transfer-Encoding") is None
    assert response.header("X-Here") == "yes"
    if version == "HTTP/1.1":
        assert client.get("/next").body == b"/next"
    else:
        client.assert_closed()


def test_a_304_may_tell_the_length_of_what_it_spares(client: RawClient) -> None:
    response = client.get("/not-modified")
    assert response.header("ETag") == '"a"'
    assert response.header("Content-Length") in {None, "1000"}
    assert client.get("/next").body == b"/next"


@pytest.mark.parametrize(
    "status", ["200 OK", "201 Created", "404 Not Found", "418 I'm a teapot", "500 My Own", "599 X"]
)
def test_the_status_is_sent_as_the_app_gave_it(client: RawClient, status: str) -> None:
    response = client.get(f"/status?line={status.replace(' ', '%20')}")
    assert f"{response.status} {response.reason}" == status
    assert response.body == b"some body"


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_each_piece_is_sent_before_the_next_is_asked_for(
    server: LiveServer, client: RawClient, version: str
) -> None:
    with server.client() as other:
        assert other.get("/shut").body == b"shut"
        client.send(request("GET", "/wait-in-stream", version))
        received = b""
        while b"first" not in received:
            received += client.connection.recv(4096)
        assert b"second" not in received
        assert other.get("/open").body == b"opened"
        while b"second" not in received:
            received += client.connection.recv(4096)
    assert b"never opened" not in received


@pytest.mark.parametrize("size", [0, 1, 4096, 65_536, 1_000_003])
@pytest.mark.parametrize("path", ["/large?size={}", "/large?length=1&size={}", "/block?size={}"])
def test_answers_of_every_size_arrive_whole(client: RawClient, path: str, size: int) -> None:
    expected = (bytes(range(256)) * (size // 256 + 1))[:size]
    for _ in range(2):
        assert client.get(path.format(size)).body == expected
