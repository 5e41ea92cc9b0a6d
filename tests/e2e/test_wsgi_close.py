"""`close()` of what the app returned is called once, however the answer ends (PEP 3333)."""

from __future__ import annotations

import itertools
import json
import socket
import struct

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated

both_ways = pytest.mark.parametrize("prefix", ["", "/bare"], ids=["validated", "bare"])
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("closing:app")


@pytest.fixture
def key() -> str:
    return f"key-{next(_numbers)}"


def calls(server: LiveServer, key: str) -> list[str]:
    """What was called on the iterable, once it has been closed; asked on a new connection."""
    with server.client() as client:
        found: list[str] = json.loads(client.get(f"/closed?id={key}").body)
        return found


def assert_closed_once(server: LiveServer, key: str) -> None:
    found = calls(server, key)
    assert found.count("close") == 1, found
    assert found[-1] == "close", found


def vanish(client: RawClient) -> None:
    """Closes the connection with a reset, as a machine that was switched off is noticed."""
    client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize(
    "path",
    [
        f"{prefix}/{kind}"
        for prefix in ("", "/bare")
        for kind in ("plain", "empty", "list", "list-of-one")
    ],
)
def test_at_the_end(
    server: LiveServer, client: RawClient, key: str, path: str, version: str
) -> None:
    response = client.request(f"GET {path}?id={key} {version}\r\nHost: t\r\n\r\n".encode())
    assert response.body == (b"" if path.endswith("empty") else b"some text")
    assert_closed_once(server, key)


@both_ways
@pytest.mark.parametrize("kind", ["plain", "empty", "list", "list-of-one", "endless"])
def test_of_a_head_request(
    server: LiveServer, client: RawClient, key: str, prefix: str, kind: str
) -> None:
    response = client.request(f"HEAD {prefix}/{kind}?id={key} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    assert response.status == 200
    assert_closed_once(server, key)


@pytest.mark.parametrize("kind", ["plain", "list-of-one", "endless"])
@pytest.mark.parametrize("status", ["204%20No%20Content", "304%20Not%20Modified"])
def test_of_a_status_without_a_body(
    server: LiveServer, client: RawClient, key: str, kind: str, status: str
) -> None:
    assert client.get(f"/bare/{kind}?id={key}&status={status}").body == b""
    assert_closed_once(server, key)


@both_ways
@pytest.mark.parametrize("kind", ["plain", "list", "list-of-one", "endless"])
def test_at_the_announced_length(
    server: LiveServer, client: RawClient, key: str, prefix: str, kind: str
) -> None:
    assert len(client.get(f"{prefix}/{kind}?id={key}&length=4").body) == 4
    assert_closed_once(server, key)


@both_ways
@pytest.mark.parametrize("kind", ["plain", "list", "list-of-one", "empty"])
def test_short_of_the_announced_length(
    server: LiveServer, client: RawClient, key: str, prefix: str, kind: str
) -> None:
    with pytest.raises(Truncated):
        client.get(f"{prefix}/{kind}?id={key}&length=1000")
    assert_closed_once(server, key)


@both_ways
def test_when_the_first_step_fails(
    server: LiveServer, client: RawClient, key: str, prefix: str
) -> None:
    assert client.get(f"{prefix}/fails-at-once?id={key}").status == 500
    assert_closed_once(server, key)


@both_ways
@pytest.mark.parametrize("length", ["", "&length=1000"])
def test_when_a_later_step_fails(
    server: LiveServer, client: RawClient, key: str, prefix: str, length: str
) -> None:
    with pytest.raises(Truncated):
        client.get(f"{prefix}/fails-in-the-middle?id={key}{length}")
    assert_closed_once(server, key)


@both_ways
def test_when_start_response_fails_in_the_first_step(
    server: LiveServer, client: RawClient, key: str, prefix: str
) -> None:
    assert client.get(f"{prefix}/starts-badly?id={key}").status == 500
    assert_closed_once(server, key)


@pytest.mark.parametrize("kind", ["unstarted", "strings", "fails-to-iterate"])
def test_when_the_answer_can_not_be_sent(
    server: LiveServer, client: RawClient, key: str, kind: str
) -> None:
    assert client.get(f"/bare/{kind}?id={key}").status == 500
    assert_closed_once(server, key)


@both_ways
def test_when_close_itself_fails_the_answer_has_been_given(
    server: LiveServer, client: RawClient, key: str, prefix: str
) -> None:
    assert client.get(f"{prefix}/fails-to-close?id={key}").body == b"some text"
    assert_closed_once(server, key)
    server.wait_for_log("RuntimeError: close() failed")


@both_ways
@pytest.mark.parametrize("kind", ["endless", "generator"])
def test_when_the_client_goes_while_it_is_sent(
    server: LiveServer, client: RawClient, key: str, prefix: str, kind: str
) -> None:
    client.send(f"GET {prefix}/{kind}?id={key} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    client.connection.recv(1000)
    vanish(client)
    assert_closed_once(server, key)


@both_ways
def test_when_the_client_goes_in_good_order_while_it_is_sent(
    server: LiveServer, client: RawClient, key: str, prefix: str
) -> None:
    client.send(f"GET {prefix}/endless?id={key} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
    client.connection.recv(1000)
    client.connection.shutdown(socket.SHUT_RDWR)
    client.close()
    assert_closed_once(server, key)


@both_ways
def test_when_a_client_of_http_1_0_goes(
    server: LiveServer, client: RawClient, key: str, prefix: str
) -> None:
    client.send(f"GET {prefix}/endless?id={key} HTTP/1.0\r\n\r\n".encode())
    client.connection.recv(1000)
    vanish(client)
    assert_closed_once(server, key)


def test_each_request_of_a_connection_has_its_own(
    server: LiveServer, client: RawClient, key: str
) -> None:
    for number in range(5):
        client.get(f"/plain?id={key}-{number}")
    for number in range(5):
        assert_closed_once(server, f"{key}-{number}")
