"""A client that sends bytes as they are and reads responses strictly.

It accepts what RFC 9112 lets a server send and nothing else: a server that is sloppy on the
wire fails its test here, where a real client would have forgiven it. It never parses requests.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

Framing = Literal["none", "content-length", "chunked", "until-close"]

_MAX_LINE_BYTES = 1 << 16
_STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9][0-9]) ([\t -~\x80-\xff]*)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class WireError(AssertionError):
    """The server sent something that no response may contain."""


class Truncated(AssertionError):
    """The server closed the connection before the response was whole.

    Args:
        where: What was being read, such as `a chunk`.
        received: What had come of that part.
    """

    def __init__(self, where: str, received: bytes) -> None:
        super().__init__(f"the connection ended within {where}, after {received[-200:]!r}")
        self.where = where
        self.received = received


@dataclass(frozen=True)
class RawResponse:
    """One response as it stood on the wire; header names keep their case."""

    version: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    framing: Framing
    body: bytes
    trailers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[bytes, ...] = ()

    def values(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header that may stand once; `None` when it is absent.

        Raises:
            WireError: It stands more than once.
        """
        values = self.values(name)
        if len(values) > 1:
            raise WireError(f"{name} stands {len(values)} times: {values}")
        return values[0] if values else None


class RawClient:
    """Sends raw bytes on one connection and reads its responses one by one."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def leftover(self) -> bytes:
        """What came behind the last response that was read, as far as it has been received."""
        return self._buffer

    def send(self, data: bytes) -> None:
        """Sends all of `data`."""
        self.connection.sendall(data)

    def request(self, data: bytes, *, method: str | None = None) -> RawResponse:
        """The response to `data`, a whole request; its method is read off its first word."""
        self.send(data)
        return self.read_response(method or data.split(b" ", 1)[0].decode("latin-1"))

    def get(self, target: str = "/", *headers: str) -> RawResponse:
        """The response to a plain GET."""
        lines = [f"GET {target} HTTP/1.1", "Host: test", *headers, "", ""]
        return self.request("\r\n".join(lines).encode("latin-1"))

    def read_response(self, method: str = "GET") -> RawResponse:
        """The next response, interim (1xx) ones included, its body read to its end.

        Args:
            method: Of the request that it answers: to HEAD, there is no body.

        Raises:
            WireError: It is malformed.
            Truncated: The connection ended before it was whole.
            TimeoutError: The socket's timeout went by without a byte.
        """
        version, status, reason = self._read_status_line()
        headers = self._read_fields("the head")
        framing, length = _framing(method, version, status, headers)
        trailers: tuple[tuple[str, str], ...] = ()
        chunks: list[bytes] = []
        if framing == "chunked":
            while chunk := self._read_chunk():
                chunks.append(chunk)
            trailers = self._read_fields("the trailers")
            body = b"".join(chunks)
        elif framing == "until-close":
            body = self.read_to_end()
        else:
            body = self._read_exactly(length, "the body")
        return RawResponse(version, status, reason, headers, framing, body, trailers, tuple(chunks))

    def read_to_end(self) -> bytes:
        """Everything until the server closes its side; a reset counts as `Truncated`."""
        parts = [self._buffer]
        self._buffer = b""
        try:
            while data := self.connection.recv(1 << 16):
                parts.append(data)
        except ConnectionResetError:
            raise Truncated("a body until close", b"".join(parts)) from None
        return b"".join(parts)

    def assert_closed(self) -> None:
        """Returns once the server has closed; fails if a byte comes before that."""
        try:
            rest = self.read_to_end()
        except Truncated as reset:
            rest = reset.received
        assert rest == b"", f"expected the connection to end, and got {rest[:200]!r}"

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def _read_status_line(self) -> tuple[str, int, str]:
        line = self._read_line("the status line")
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise WireError(f"not a status line: {line!r}")
        version, status, reason = match.groups()
        return version.decode(), int(status), reason.decode("latin-1")

    def _read_fields(self, where: str) -> tuple[tuple[str, str], ...]:
        fields = []
        while line := self._read_line(where):
            match = _FIELD.fullmatch(line)
            if match is None:
                raise WireError(f"not a header line: {line!r}")
            fields.append((match[1].decode(), match[2].decode("latin-1")))
        return tuple(fields)

    def _read_chunk(self) -> bytes:
        line = self._read_line("a chunk's size")
        if _CHUNK_SIZE.fullmatch(line) is None:
            raise WireError(f"not a chunk size: {line!r}")
        size = int(line, 16)
        if size == 0:
            return b""
        data = self._read_exactly(size, "a chunk")
        if self._read_exactly(2, "the end of a chunk") != b"\r\n":
            raise WireError("a chunk is longer than its size says")
        return data

    def _read_line(self, where: str) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE_BYTES:
                raise WireError(f"a line of {where} has no end")
            self._receive_or_fail(where)
        line, _, self._buffer = self._buffer.partition(b"\n")
        if not line.endswith(b"\r"):
            raise WireError(f"a line of {where} ends without CR: {line!r}")
        if b"\r" in (text := line[:-1]):
            raise WireError(f"a bare CR in {where}: {line!r}")
        return text

    def _read_exactly(self, count: int, where: str) -> bytes:
        parts = []
        while count > len(self._buffer):
            # Taken out as it comes: a body of many megabytes must not be copied for each read.
            parts.append(self._buffer)
            count -= len(self._buffer)
            self._buffer = b""
            try:
                self._receive_or_fail(where)
            except Truncated:
                raise Truncated(where, b"".join(parts)) from None
        parts.append(self._buffer[:count])
        self._buffer = self._buffer[count:]
        return b"".join(parts)

    def _receive_or_fail(self, where: str) -> None:
        try:
            received = self._receive()
        except ConnectionResetError:
            received = False
        if not received:
            raise Truncated(where, self._buffer)

    def _receive(self) -> bool:
        data = self.connection.recv(1 << 16)
        self._buffer += data
        return bool(data)


def _framing(
    method: str, version: str, status: int, headers: tuple[tuple[str, str], ...]
) -> tuple[Framing, int]:
    """How the body ends (RFC 9112 §6.3), and its length where that is known."""
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    codings = [value for name, value in headers if name.lower() == "transfer-encoding"]
    if len(lengths) > 1 or len(codings) > 1 or (lengths and codings):
        raise WireError(f"the framing is ambiguous: {lengths} {codings}")
    if lengths and not re.fullmatch("[0-9]{1,18}", lengths[0]):
        raise WireError(f"not a length: {lengths[0]!r}")
    if codings and (codings[0].lower() != "chunked" or version == "HTTP/1.0"):
        raise WireError(f"not a transfer coding for {version}: {codings[0]!r}")
    if (status < 200 or status == 204) and (lengths or codings):
        raise WireError(f"{status} must have no framing header (RFC 9110 §8.6, RFC 9112 §6.1)")
    if method == "HEAD" or status < 200 or status in {204, 304}:
        return "none", 0
    if codings:
        return "chunked", 0
    return ("content-length", int(lengths[0])) if lengths else ("until-close", 0)
