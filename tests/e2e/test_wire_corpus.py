"""The corpus of `tests/wire` against the live server; its README explains the cases.

Beyond what the parser's own run of it shows: what the app gets of a request, that a refusal ends
the connection, and that a request which stands behind a case is served or not, as it must be.
"""

from __future__ import annotations

import json
import socket
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse

FOLDER = Path(__file__).parent.parent / "wire" / "http1"
BEHIND = b"GET /behind HTTP/1.1\r\nHost: behind.example\r\n\r\n"
MANY_BYTES = 4096  # beyond this, a case comes in some hundred pieces and not byte by byte
HIDDEN_FIELDS = {"proxy", "transfer-encoding", "content-length", "content-type"}


@dataclass(frozen=True)
class Case:
    data: bytes
    requests: list[dict[str, Any]]
    refused: int | None
    is_cut: bool

    @property
    def stays_open(self) -> bool:
        if self.refused or self.is_cut:
            return False
        return not self.requests or bool(self.requests[-1]["keep_alive"])


def _read(file: Path) -> Case:
    expected = tomllib.loads(file.with_suffix(".toml").read_text(encoding="utf-8"))
    return Case(
        file.read_bytes(),
        expected.get("request", []),
        expected.get("refused"),
        expected.get("is_cut", False),
    )


CASES = {file.stem: _read(file) for file in sorted(FOLDER.glob("*.http"))}


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("wire_echo:app")


@pytest.fixture(scope="module")
def asking(server: LiveServer) -> Iterator[RawClient]:
    with server.client() as asking:
        yield asking


@pytest.fixture
def observer(asking: RawClient) -> RawClient:
    """A connection on which the app is asked how often it was called since the test began."""
    asking.get("/calls")
    return asking


@pytest.mark.parametrize("name", CASES)
def test_a_case_that_comes_whole(client: RawClient, observer: RawClient, name: str) -> None:
    case = CASES[name]
    send(client, [case.data])
    assert_answers(client, observer, case)


@pytest.mark.parametrize("name", CASES)
def test_a_case_that_comes_byte_by_byte(client: RawClient, observer: RawClient, name: str) -> None:
    case = CASES[name]
    size = 1 if len(case.data) <= MANY_BYTES else len(case.data) // 256
    send(client, (case.data[at : at + size] for at in range(0, len(case.data), size)))
    assert_answers(client, observer, case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.is_cut])
def test_a_case_with_a_request_behind_it(client: RawClient, observer: RawClient, name: str) -> None:
    case = CASES[name]
    send(client, [case.data + BEHIND])
    assert_answers(client, observer, case, has_behind=case.stays_open)


def send(client: RawClient, pieces: Iterable[bytes]) -> None:
    client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Who closes as it was asked to does not wait for what nobody has to answer.
    with suppress(BrokenPipeError, ConnectionResetError):
        for piece in pieces:
            client.send(piece)


def assert_answers(
    client: RawClient, observer: RawClient, case: Case, *, has_behind: bool = False
) -> None:
    for request in case.requests:
        assert_echo(read_final(client, request), request)
    if has_behind:
        assert json.loads(client.read_response().body)["target"] == "/behind"
    if case.is_cut or case.stays_open:
        client.connection.shutdown(socket.SHUT_WR)
    status = 400 if case.is_cut else case.refused
    if status is not None:
        assert_refusal(client.read_response(), status)
    client.assert_closed()
    calls = len(case.requests) + has_behind
    assert observer.get("/calls").body == str(calls).encode()


def read_final(client: RawClient, request: dict[str, Any]) -> RawResponse:
    """The final response, behind the one interim response that a request may ask for."""
    response = client.read_response(request["method"])
    if response.status == 100 and request.get("expects_continue"):
        response = client.read_response(request["method"])
    return response


def assert_echo(response: RawResponse, request: dict[str, Any]) -> None:
    assert response.status == 200, response
    assert response.header("Date") is not None
    is_default = request["keep_alive"] == (request["version"] == "HTTP/1.1")
    option = "keep-alive" if request["keep_alive"] else "close"
    assert response.header("Connection") == (
        None if is_default and request["keep_alive"] else option
    )
    if request["method"] == "HEAD":
        assert response.framing == "none"
        return
    echo = json.loads(response.body)
    expected = expected_echo(request)
    assert {key: echo[key] for key in expected} == expected


def expected_echo(request: dict[str, Any]) -> dict[str, Any]:
    """What the app sees of a request of the corpus (PEP 3333, RFC 3875 §4.1)."""
    names = {name.lower() for name, _ in request["fields"]}
    has_length = bool(request["body"]) or "content-length" in names
    expected = {key: request[key] for key in ("method", "target", "version", "body")}
    expected["content_length"] = str(len(request["body"])) if has_length else None
    expected["content_type"] = dict(request["fields"]).get("Content-Type")
    expected["fields"] = expected_fields(request)
    if "path" in request:
        path = unquote_to_bytes(request["path"].encode("latin-1")).decode("latin-1")
        expected |= {"path": "/" if path in {"", "*"} else path, "query": request["query"]}
    return expected


def expected_fields(request: dict[str, Any]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in request["fields"]:
        if "_" in name or name.lower() in HIDDEN_FIELDS:
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        glue = "; " if key == "HTTP_COOKIE" else ", "
        fields[key] = f"{fields[key]}{glue}{value}" if key in fields else value
    if "authority" in request:
        fields["HTTP_HOST"] = request["authority"]
    return fields


def assert_refusal(response: RawResponse, status: int) -> None:
    assert response.status == status, response
    assert response.header("Connection") == "close"
    assert response.header("Date") is not None
    assert response.framing == "content-length"
