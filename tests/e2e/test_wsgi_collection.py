"""Garbage collection at any moment: what it calls may let other threads run."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.conftest import APPS
from tests.support.live_server import LiveServer

REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.mark.slow
def test_a_slow_finalizer_holds_up_its_own_request_only() -> None:
    with LiveServer("collecting:app", directory=APPS) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(4)]
        for client in clients:
            assert client.get().body == b"ok"
        assert clients[0].get("/litter").body == b"ok"
        for client in clients:
            client.send(REQUEST)
        for client in clients:
            assert client.read_response().body == b"ok"
