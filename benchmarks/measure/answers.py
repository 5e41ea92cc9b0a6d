"""Reads HTTP/1 answers strictly, and asks for one over a socket.

For checks and for the loaders in Python; the hot loads use wrk.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from benchmarks.samples import Disqualified, NoAnswer

TIMEOUT_SECONDS = 2.0  # as wrk's own


@dataclass(frozen=True)
class Answer:
    """One answer; `wire_bytes` counts head, body and framing."""

    status: int
    body: bytes
    wire_bytes: int
    is_kept: bool


def request_bytes(path: str, *, body: bytes = b"", closes: bool = False) -> bytes:
    """One request as bytes: a POST if there is a body."""
    head = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if body:
        head.append(f"Content-Length: {len(body)}")
    if closes:
        head.append("Connection: close")
    return "\r\n".join([*head, "", ""]).encode() + body


def parse_answer(data: bytes, *, is_at_end: bool) -> Answer | None:
    """The answer that `data` is, or `None` while it is not whole.

    Args:
        data: All bytes since the request was sent.
        is_at_end: The peer has closed.

    Raises:
        Disqualified: It is no answer, or ends early.
    """
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        if is_at_end:
            raise Disqualified(f"the connection ended after {len(data)} bytes of an answer")
        return None
    status_line, _, field_lines = head.decode("latin-1").partition("\r\n")
    protocol, _, status = status_line.partition(" ")
    fields = _fields(field_lines)
    connection = fields.get("connection", "").lower()
    is_kept = "close" not in connection if protocol == "HTTP/1.1" else "keep-alive" in connection
    if fields.get("transfer-encoding") == "chunked":
        body, is_whole = _unchunk(rest)
    elif "content-length" in fields:
        length = int(fields["content-length"])
        body, is_whole = rest, len(rest) >= length
        if len(rest) > length:
            raise Disqualified(f"{len(rest) - length} bytes follow the answer")
    else:
        body, is_whole, is_kept = rest, is_at_end, False
    if is_whole:
        return Answer(int(status[:3]), body, len(data), is_kept)
    if is_at_end:
        raise Disqualified("the connection ended inside a body")
    return None


def exchange(connection: socket.socket, request: bytes) -> Answer:
    """Sends `request`, and waits for its answer.

    Raises:
        NoAnswer: There is none in time.
        Disqualified: It is broken.
    """
    data = bytearray()
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        connection.sendall(request)
        while time.monotonic() < deadline:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            received = connection.recv(65_536)
            data += received
            if answer := parse_answer(bytes(data), is_at_end=not received):
                return answer
    except TimeoutError:
        pass
    except OSError as error:
        raise Disqualified(f"the connection broke: {error}") from error
    raise NoAnswer(f"no answer within {TIMEOUT_SECONDS:g} s")


def ask(port: int, request: bytes, expected: bytes) -> Answer:
    """Asks over a connection of its own, and compares the body.

    Raises:
        NoAnswer: There is none in time.
        Disqualified: The answer is not 200 with exactly `expected`.
    """
    try:
        connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
    except TimeoutError as error:
        raise NoAnswer(f"no connection within {TIMEOUT_SECONDS:g} s") from error
    except OSError as error:
        raise Disqualified(f"could not connect: {error}") from error
    with connection:
        answer = exchange(connection, request)
    check(answer, expected)
    return answer


def check(answer: Answer, expected: bytes) -> None:
    """Compares an answer with what it must be.

    Raises:
        Disqualified: It is another one.
    """
    if answer.status != 200:
        raise Disqualified(f"answered {answer.status}")
    if answer.body != expected:
        raise Disqualified(f"a wrong body of {len(answer.body)} bytes")


def _fields(lines: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines.split("\r\n"))
    return {name.lower(): value.strip() for name, _, value in pairs}


def _unchunk(rest: bytes) -> tuple[bytes, bool]:
    body = bytearray()
    while True:
        size_line, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return bytes(body), False
        size = int(size_line.split(b";")[0], 16)
        if len(rest) < size + 2:
            return bytes(body), False
        body += rest[:size]
        rest = rest[size + 2 :]
        if size == 0:
            return bytes(body), True
