"""A client that sends anything, and reads whatever comes back.

It forgives what a strict one would refuse: a probe wants to know what the server did. No call
takes longer than `PATIENCE_SECONDS` without a byte.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

PATIENCE_SECONDS = 3.0
_QUIET_SECONDS = 0.4  # behind an answer: nothing more is coming
_MAX_BYTES = 4 * 1024 * 1024
_MAX_SURPLUS_BYTES = 256 * 1024

End = Literal["whole", "closed", "reset", "silent", "garbled"]
_ENDS = {
    "closed": "closes without an answer",
    "reset": "resets without an answer",
    "silent": "no answer",
    "garbled": "something that is no answer",
}


@dataclass(frozen=True)
class Reply:
    """An answer, or what came in place of one.

    Args:
        status: `None` without a head.
        end: `whole`, or why the answer is not: the connection was closed or reset before its
            end, nothing more came in time, or it can not be read.
    """

    status: int | None
    end: End
    reason: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    is_chunked: bool = False

    @property
    def is_fine(self) -> bool:
        """Whether it is a whole 200."""
        return self.status == 200 and self.end == "whole"

    @property
    def is_refusal(self) -> bool:
        """Whether the request was refused, if only by closing the connection."""
        if self.status is None:
            return self.end in {"closed", "reset"}
        return 400 <= self.status < 500 or self.status in {501, 505}

    @property
    def text(self) -> str:
        """The status, or what came in place of it."""
        return _ENDS[self.end] if self.status is None else str(self.status)

    @property
    def announces_the_end(self) -> bool:
        """Whether it says that the connection ends behind it."""
        return "close" in self.value("Connection").lower()

    def value(self, name: str) -> str:
        """The values of a header, joined; empty if there is none."""
        return ", ".join(value for key, value in self.fields if key.lower() == name.lower())

    def json(self) -> Any:
        """What `answer_json` was given; an empty dict if the body is something else."""
        with suppress(ValueError):
            return json.loads(self.body)
        return {}


class Client:
    """One connection to the server at `port`."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect(("127.0.0.1", port))
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Sends, as far as the server takes it."""
        with suppress(OSError):
            self._socket.sendall(data)

    def end(self) -> None:
        """Says that nothing more will be sent, and goes on listening."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def vanish(self) -> None:
        """Goes with a reset, as a machine that was switched off is noticed."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def ask(self, data: bytes) -> Reply:
        """Sends a request, and reads the answer to it."""
        self.send(data)
        return self.reply(is_head=data.startswith(b"HEAD "))

    def get(self, target: str) -> Reply:
        """The answer to a plain GET."""
        return self.ask(get(target))

    def wait(self, seconds: float = PATIENCE_SECONDS) -> float | None:
        """How long the first byte took, or `None` if there is none in time."""
        started = time.monotonic()
        self._socket.settimeout(seconds)
        try:
            self._buffer += self._socket.recv(1)
        except OSError:
            return None
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)
        return time.monotonic() - started

    def surplus(self) -> bytes:
        """What came behind the answers that were read."""
        self._socket.settimeout(_QUIET_SECONDS)
        while len(self._buffer) < _MAX_SURPLUS_BYTES and self._receive() is None:
            pass
        self._socket.settimeout(PATIENCE_SECONDS)
        surplus, self._buffer = self._buffer, b""
        return surplus

    def is_kept(self) -> bool:
        """Whether one more request on this connection is served."""
        return self.get("/fine").body == b"fine"

    def received(self, text: bytes) -> bool:
        """Whether `text` comes."""
        while text not in self._buffer:
            if self._receive() is not None:
                return False
        return True

    def reply(self, *, is_head: bool = False) -> Reply:
        """The next answer, interim ones included."""
        while b"\r\n\r\n" not in self._buffer:
            if (end := self._receive()) is not None:
                return Reply(None, "garbled" if self._buffer else end)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        status, _, reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not status.isdigit():
            return Reply(None, "garbled")
        pairs = [line.partition(":") for line in lines]
        fields = [(name, value.strip()) for name, _, value in pairs]
        return self._with_body(Reply(int(status), "whole", reason, fields), is_head=is_head)

    def _with_body(self, head: Reply, *, is_head: bool) -> Reply:
        status, length = head.status or 0, head.value("Content-Length")
        is_chunked = "chunked" in head.value("Transfer-Encoding").lower()
        end: End
        if is_head or status < 200 or status in {204, 304}:
            end, body = "whole", b""
        elif is_chunked:
            end, body = self._read_chunks()
        elif length.isdigit():
            end, body = self._read(int(length))
        else:
            end, body = self._read(_MAX_BYTES)
            end = "whole" if end == "closed" else end
        return Reply(status, end, head.reason, head.fields, body, is_chunked)

    def _read_chunks(self) -> tuple[End, bytes]:
        body = b""
        while True:
            end, line = self._read_line()
            if end != "whole":
                return end, body
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                return "garbled", body
            end, data = self._read(size)
            body += data
            closing_end, closing = self._read_line() if end == "whole" else (end, b"")
            if closing_end != "whole":
                return closing_end, body
            if closing:
                return "garbled", body
            if size == 0:
                return "whole", body

    def _read_line(self) -> tuple[End, bytes]:
        while b"\r\n" not in self._buffer:
            if (end := self._receive()) is not None:
                return end, b""
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return "whole", line

    def _read(self, count: int) -> tuple[End, bytes]:
        end: End | None = None
        while len(self._buffer) < count and end is None:
            end = self._receive()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return end or "whole", data

    def _receive(self) -> End | None:
        """Receives some bytes, or says why there are none."""
        try:
            data = self._socket.recv(65_536)
        except TimeoutError:
            return "silent"
        except OSError:
            return "reset"
        self._buffer += data
        return None if data else "closed"


def get(target: str, *headers: str, version: str = "1.1") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"GET {target} HTTP/{version}", "Host: a", *headers, "", ""]).encode()


def post(target: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """A request with a body; the headers have to say how it ends."""
    return get(target, *headers, version=version).replace(b"GET", b"POST", 1) + body


def sized(target: str, body: bytes) -> bytes:
    """A POST whose length is given."""
    return post(target, f"Content-Length: {len(body)}", body=body)


def chunked(target: str, body: bytes) -> bytes:
    """A POST in chunks, which `body` has to be already."""
    return post(target, "Transfer-Encoding: chunked", body=body)


def ask(port: int, data: bytes) -> Reply:
    """The answer to one request on a connection of its own."""
    with Client(port) as client:
        return client.ask(data)
