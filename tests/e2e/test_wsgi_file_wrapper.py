"""`wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling")."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse, Truncated

SIZE = 300_000
CONTENT = (bytes(range(256)) * (SIZE // 256 + 1))[:SIZE]
SEEKABLE = ["disk", "buffered", "bytes-io"]
FILES = [*SEEKABLE, "pipe", "watched", "read-only"]

every_file = pytest.mark.parametrize("file", FILES)
both_ways = pytest.mark.parametrize("prefix", ["", "/bare"], ids=["validated", "bare"])
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("wrapping:app")


def head(client: RawClient, target: str) -> RawResponse:
    return client.request(f"HEAD {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())


@both_ways
@every_file
def test_the_whole_file_is_sent(client: RawClient, prefix: str, file: str) -> None:
    for _ in range(2):
        assert client.get(f"{prefix}/{file}").body == CONTENT


@both_ways
@every_file
def test_with_a_length_the_file_is_sent_plainly(client: RawClient, prefix: str, file: str) -> None:
    for _ in range(2):
        response = client.get(f"{prefix}/{file}?length")
        assert response.framing == "content-length"
        assert response.body == CONTENT


@both_ways
@every_file
def test_a_file_over_its_length_is_cut_off(client: RawClient, prefix: str, file: str) -> None:
    for _ in range(2):
        assert client.get(f"{prefix}/{file}?length=1000").body == CONTENT[:1000]


@both_ways
@every_file
def test_a_file_under_its_length_is_broken_off(client: RawClient, prefix: str, file: str) -> None:
    with pytest.raises(Truncated) as broken:
        client.get(f"{prefix}/{file}?length=400000")
    assert CONTENT.startswith(broken.value.received)


@both_ways
@pytest.mark.parametrize("file", SEEKABLE)
def test_it_starts_where_the_file_stands(client: RawClient, prefix: str, file: str) -> None:
    """An app that answers a range request seeks first."""
    assert client.get(f"{prefix}/{file}?from=1000").body == CONTENT[1000:]
    assert client.get(f"{prefix}/{file}?from=1000&length").body == CONTENT[1000:]
    assert client.get(f"{prefix}/{file}?from=1000&length=10").body == CONTENT[1000:1010]


@both_ways
@every_file
def test_it_starts_behind_what_the_app_has_read(client: RawClient, prefix: str, file: str) -> None:
    """A buffered file has read further from its descriptor than the app has from it."""
    assert client.get(f"{prefix}/{file}?read=16").body == CONTENT[16:]


@both_ways
@every_file
def test_a_head_request_gets_no_body(client: RawClient, prefix: str, file: str) -> None:
    for _ in range(2):
        response = head(client, f"{prefix}/{file}?length")
        assert response.header("Content-Length") == str(SIZE)
    assert client.get(f"{prefix}/{file}").body == CONTENT


@both_ways
@every_file
def test_http_1_0_gets_it_unchunked(client: RawClient, prefix: str, file: str) -> None:
    response = client.request(f"GET {prefix}/{file} HTTP/1.0\r\n\r\n".encode())
    assert response.body == CONTENT
    assert response.framing in {"content-length", "until-close"}


@both_ways
def test_a_block_size_changes_nothing(client: RawClient, prefix: str) -> None:
    for file in FILES:
        assert client.get(f"{prefix}/{file}?block=1000").body == CONTENT


@both_ways
def test_an_empty_file_is_an_empty_body(client: RawClient, prefix: str) -> None:
    for _ in range(2):
        assert client.get(f"{prefix}/empty").body == b""


@both_ways
def test_a_file_that_fails_breaks_the_answer_off(
    server: LiveServer, client: RawClient, prefix: str
) -> None:
    with pytest.raises(Truncated):
        client.get(f"{prefix}/failing")
    server.wait_for_log("the disk is gone")


@pytest.mark.parametrize(
    "path",
    [f"{prefix}/{file}" for prefix in ("", "/bare") for file in ("disk", "watched", "failing")],
)
@pytest.mark.parametrize("length", ["", "&length", "&length=10", "&length=400000"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_file_is_closed_once(
    server: LiveServer, client: RawClient, path: str, length: str, method: str
) -> None:
    key = f"key-{next(_numbers)}"
    target = f"{path}?id={key}{length}"
    with suppress(Truncated):
        client.request(f"{method} {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    # Not on this connection: the file may be closed after the answer.
    server.wait_for(lambda: key in closed(server), "the file was closed")
    assert closed(server).count(key) == 1


def closed(server: LiveServer) -> list[str]:
    with server.client() as client:
        keys: list[str] = json.loads(client.get("/closed").body)
        return keys
