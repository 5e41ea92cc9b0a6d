"""`wsgi.input` (PEP 3333, "Input and Error Streams"), held against `io.BytesIO`."""

from __future__ import annotations

import io
import json

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

BODY = b"one\ntwo\r\n\nfour \xff\x00\nno end"
STEPS = [
    "read 4;read 100;read 100",
    "read 0;read 3;read 0;read 1000;read 1",
    "read -1;read -1;read 10",
    "read 1;read 1;read 1;read 1;read 1",
    "readline;readline;readline;readline;readline;readline;readline",
    "readline 2;readline 2;readline 2;readline 100;readline 0;readline",
    "readline -1;read 3;readline",
    "readlines;readlines;read 5",
    "readline;readlines",
    "iterate;iterate;read 5",
    "read 2;iterate",
    "readline;iterate;readline",
    "next;next;read 3;next;next;next;next",
]
# PEP 3333 lets an app call `read` without a size; the validator does not.
STEPS_OF_BARE_APPS = ["read;read;read 5", "readline;read;readline", "read 3;read", "next;read"]


@pytest.fixture(scope="module", params=["buffered", "streamed"])
def server(serve: Serve, request: pytest.FixtureRequest) -> LiveServer:
    return serve("reading:app", f"--body-mode={request.param}")


def request(path: str, steps: str, body: bytes, framing: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nX-Reads: {steps}\r\n"
    if framing == "sized":
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    step = max(7, len(body) // 100)
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


def expected(steps: str, body: bytes) -> list[object]:
    """What a file with the body in it gives."""
    stream, results = io.BytesIO(body), []
    for step in steps.split(";"):
        name, *arguments = step.split()
        if name == "next":
            result: bytes | list[bytes] = next(stream, b"")
        elif name == "iterate":
            result = list(stream)
        else:
            result = getattr(stream, name)(*map(int, arguments))
        results.append(_text(result))
    return results


def _text(result: bytes | list[bytes]) -> object:
    if isinstance(result, bytes):
        return result.decode("latin-1")
    return [line.decode("latin-1") for line in result]


@pytest.mark.parametrize("framing", ["sized", "chunked"])
@pytest.mark.parametrize(
    ("path", "steps"),
    [(path, steps) for path in ("/", "/bare/") for steps in STEPS]
    + [("/bare/", steps) for steps in STEPS_OF_BARE_APPS],
)
def test_it_reads_like_a_file(client: RawClient, path: str, steps: str, framing: str) -> None:
    response = client.request(request(path, steps, BODY, framing))
    assert json.loads(response.body) == expected(steps, BODY)


@pytest.mark.parametrize("steps", ["read 5", "read 1;read -1", "readline", "readlines", "iterate"])
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_an_empty_body_ends_at_once(client: RawClient, steps: str, framing: str) -> None:
    response = client.request(request("/", steps, b"", framing))
    assert json.loads(response.body) == expected(steps, b"")


@pytest.mark.parametrize("steps", ["read", "read 5", "readline", "readlines", "iterate", "next"])
def test_without_a_body_it_ends_at_once(client: RawClient, steps: str) -> None:
    response = client.get("/bare/", f"X-Reads: {steps}")
    assert json.loads(response.body) == expected(steps, b"")


@pytest.mark.parametrize("hint", [-1, 0, 1, 3, 4, 5, 10, 1000])
@pytest.mark.parametrize("path", ["/", "/bare/"])
def test_readlines_with_a_hint_gives_whole_lines(client: RawClient, path: str, hint: int) -> None:
    """How many lines is the server's to choose: PEP 3333 lets it ignore the hint."""
    response = client.request(request(path, f"readlines {hint};read 1000", BODY, "sized"))
    lines, rest = json.loads(response.body)
    text = "".join(lines)
    assert text + rest == BODY.decode("latin-1")
    assert len(text) >= hint or rest == ""
    assert lines == [line.decode("latin-1") for line in io.BytesIO(text.encode("latin-1"))]


@pytest.mark.parametrize("framing", ["sized", "chunked"])
@pytest.mark.parametrize("steps", ["readline;readline 10;read 5;readlines", "read 70000;iterate"])
def test_a_body_beyond_what_is_kept_in_memory_reads_the_same(
    client: RawClient, steps: str, framing: str
) -> None:
    body = (b"x" * 99_999 + b"\n") * 21  # the default is one MiB
    response = client.request(request("/bare/", steps, body, framing))
    assert json.loads(response.body) == expected(steps, body)


def test_the_next_request_does_not_see_what_was_left_unread(client: RawClient) -> None:
    first = client.request(request("/", "read 2", BODY, "sized"))
    second = client.request(request("/", "read 100", b"second", "chunked"))
    assert json.loads(first.body) == ["on"]
    assert json.loads(second.body) == ["second"]


def test_too_many_arguments_are_the_app_s_own_error(
    client: RawClient,
) -> None:
    response = client.request(request("/bare/", "read 1 2 3", BODY, "sized"))
    assert response.status == 500
