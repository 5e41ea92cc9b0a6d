"""What an app may return, and what it may not (PEP 3333, "Specification Details")."""

from __future__ import annotations

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated

TEXT = b"one two three"
EMPTY = {
    "empty-list",
    "empty-tuple",
    "empty-generator",
    "one-empty-string",
    "empty-strings",
    "empty-strings-generated",
}
FULL = {
    "list",
    "list-of-one",
    "tuple",
    "tuple-of-one",
    "generator",
    "map",
    "deque",
    "user-list",
    "list-subclass",
    "dictionary",
    "own-iterator",
    "own-iterable",
    "getitem-only",
    "bytes",
    "closing-iterator",
    "bytes-io",
    "file",
    "empty-strings-between",
    "empty-strings-between-generated",
}
# The validator takes `bytes` itself only; real template engines yield subclasses.
FULL_BARE_ONLY = {"bytes-subclass", "bytes-subclasses"}
FORBIDDEN = {"none", "number", "strings", "string", "byte-arrays", "memory-views", "nones"}

CASES = [
    (path, TEXT if kind in FULL | FULL_BARE_ONLY else b"")
    for prefix in ("", "/bare")
    for kind in sorted(FULL | EMPTY | (FULL_BARE_ONLY if prefix else set()))
    for path in [f"{prefix}/{kind}"]
]


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("iterables:app")


@pytest.mark.parametrize(("path", "text"), CASES)
def test_every_piece_is_sent(client: RawClient, path: str, text: bytes) -> None:
    assert client.get(path).body == text
    assert client.get(path).body == text  # and the connection is still in step


@pytest.mark.parametrize("path", [path for path, text in CASES if text])
def test_with_a_length_every_piece_is_sent_plainly(client: RawClient, path: str) -> None:
    for _ in range(2):
        response = client.get(f"{path}?length")
        assert (response.body, response.framing) == (TEXT, "content-length")


@pytest.mark.parametrize(("path", "text"), CASES)
def test_http_1_0_gets_it_unchunked(client: RawClient, path: str, text: bytes) -> None:
    response = client.request(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert response.framing in {"content-length", "until-close"}
    assert response.body == text
    client.assert_closed()


@pytest.mark.parametrize("path", [path for path, _ in CASES])
def test_a_head_request_gets_none_of_it(client: RawClient, path: str) -> None:
    for _ in range(2):
        response = client.request(f"HEAD {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        assert (response.status, response.body) == (200, b"")
    assert client.leftover == b""


@pytest.mark.parametrize("kind", ["list-of-one", "tuple-of-one"])
def test_one_string_gives_its_own_length(client: RawClient, kind: str) -> None:
    response = client.get(f"/bare/{kind}")
    assert response.header("Content-Length") == str(len(TEXT))


@pytest.mark.parametrize("kind", ["empty-list", "empty-tuple", "one-empty-string"])
def test_nothing_gives_a_length_of_zero(client: RawClient, kind: str) -> None:
    assert client.get(f"/bare/{kind}").header("Content-Length") == "0"


@pytest.mark.parametrize("kind", sorted(FORBIDDEN))
def test_anything_but_bytes_is_a_500(server: LiveServer, client: RawClient, kind: str) -> None:
    response = client.get(f"/bare/{kind}")
    assert response.status == 500
    assert b"a str" not in response.body


def test_anything_but_bytes_after_output_breaks_the_answer_off(client: RawClient) -> None:
    with pytest.raises(Truncated):
        client.get("/bare/strings-later")
