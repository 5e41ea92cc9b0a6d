"""A WebSocket client on a socket that the test has opened, frame by frame and without a thread.

For what a comfortable client hides: TLS, unix sockets, pings that stay without an answer, and
bytes that come along with the handshake.
"""

from __future__ import annotations

import socket
from collections import deque
from types import TracebackType
from typing import Self, TypeVar

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)

Expected = TypeVar("Expected", bound=Event)


class WebSocketPeer:
    """Shakes hands on `connection`, then sends and receives one frame or message at a time.

    Args:
        connection: An open stream socket; it is closed at the end of the `with` block.
        target: The request's target.
        early: Messages that are sent in one call together with the handshake.
    """

    def __init__(self, connection: socket.socket, target: str = "/echo", *early: str) -> None:
        self.connection = connection
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events: deque[Event] = deque()
        request = self._protocol.send(Request(host="test", target=target))
        connection.sendall(request + b"".join(map(masked_text, early)))
        self.expect(AcceptConnection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.connection.close()

    def send(self, data: str | bytes) -> None:
        """Sends one message in one frame."""
        message = TextMessage(data) if isinstance(data, str) else BytesMessage(data)
        self.connection.sendall(self._protocol.send(message))

    def answer(self, event: Ping | CloseConnection) -> None:
        """Sends what a polite client answers."""
        self.connection.sendall(self._protocol.send(event.response()))

    def close(self, code: int = 1000) -> None:
        """Sends a close frame; the server's own is still to be received."""
        self.connection.sendall(self._protocol.send(CloseConnection(code)))

    def receive(self) -> str | bytes:
        """The next whole message; anything else is a failure."""
        parts: list[str | bytes | bytearray] = []
        while True:
            event = self.next_event()
            assert isinstance(event, TextMessage | BytesMessage), event
            parts.append(event.data)
            if event.message_finished:
                break
        if isinstance(event, TextMessage):
            return "".join(str(part) for part in parts)
        return b"".join(bytes(part) for part in parts if not isinstance(part, str))

    def expect(self, kind: type[Expected]) -> Expected:
        """What the server sends next, which is of this kind; anything else is a failure."""
        event = self.next_event()
        assert isinstance(event, kind), event
        return event

    def next_event(self) -> Event:
        """What the server sends next, of any kind.

        Raises:
            EOFError: The connection has ended, without a close frame if there was none before.
        """
        while not self._events:
            if not (data := self.connection.recv(1 << 16)):
                raise EOFError("the connection has ended")
            self._protocol.receive_data(data)
            self._events.extend(self._protocol.events())
        return self._events.popleft()


def masked_text(text: str) -> bytes:
    """One short text frame of a client; masked by zeros, so that the text stands as it is."""
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data
