"""Ten pieces of 1 KiB from a generator, without a length, on 64 keep-alive connections.

A server that keeps the pieces back until there are enough of them would win this load by not
doing it; PEP 3333 (Buffering and Streaming) forbids that. So one request is asked for whose
generator pauses after its first piece, and that piece must arrive alone.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from benchmarks.loads.wrk_load import WrkLoad
from benchmarks.measure.answers import TIMEOUT_SECONDS, request_bytes
from benchmarks.measure.wrk import WrkOrder
from benchmarks.samples import Disqualified
from benchmarks.servers.running import RunningServer

_PIECE = b"y" * 1_024


@dataclass(frozen=True)
class _StreamedLoad(WrkLoad):
    def probe(self, running: RunningServer) -> int:
        size = super().probe(running)
        check_streaming(running.port)
        return size


def check_streaming(port: int) -> None:
    """Asks for the answer that pauses.

    Raises:
        Disqualified: Its first piece came together with the others, or did not come.
    """
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(request_bytes("/pausing"))
            while body_bytes(received) < len(_PIECE):
                news = connection.recv(65_536)
                if not news:
                    raise Disqualified("the connection ended inside a streamed answer")
                received += news
    except OSError as error:
        raise Disqualified(f"no streamed answer: {error}") from error
    if body_bytes(received) > len(_PIECE):
        raise Disqualified("does not stream: keeps the first piece back until the next")


def body_bytes(received: bytes) -> int:
    """How much of the body has come so far, its framing not counted."""
    return received.partition(b"\r\n\r\n")[2].count(b"y")


LOAD = _StreamedLoad(
    key="streamed",
    title="streamed answer, 10 × 1 KiB",
    app="plain:streamed",
    order=WrkOrder("/", connections=64),
    expected=_PIECE * 10,
)
