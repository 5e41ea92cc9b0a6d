"""Without memory, the application is told so as Python tells it, and the worker lives on."""

from __future__ import annotations

import pytest

from tests.conftest import APPS
from tests.support.live_server import LiveServer

MEBIBYTE = 1024 * 1024
BODY = bytes(48 * MEBIBYTE)


@pytest.mark.slow
@pytest.mark.measures
@pytest.mark.parametrize("buffer", ["1MiB", "64MiB"])
def test_a_body_for_which_there_is_no_memory_is_a_memory_error(buffer: str) -> None:
    with LiveServer("starving:app", f"--body-buffer={buffer}", directory=APPS) as server:
        worker = server.worker_pid
        with server.client() as client:
            head = f"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {len(BODY)}\r\n\r\n"
            assert client.request(head.encode() + BODY).body == b"no memory"
            assert (
                client.request(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi").body
                == b"2"
            )
        assert server.worker_pid == worker
        assert "panicked" not in server.log()
