"""Without memory, the application is told so as Python tells it, and the worker lives on.

And there are no more workers than there is memory for.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import APPS
from tests.support.live_server import LiveServer
from tests.support.memory_groups import with_little_memory

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


@pytest.mark.slow
@pytest.mark.measures
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU has one worker anyhow")
def test_there_are_as_many_workers_as_the_memory_of_the_cgroup_has_room_for(
    tmp_path: Path,
) -> None:
    (tmp_path / "large.py").write_text(
        "DATA = bytearray(b'x') * (100 * 1024 * 1024)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'ok']\n"
    )
    with (
        with_little_memory(256 * MEBIBYTE) as wrap,
        LiveServer("large:app", directory=tmp_path, workers=None, wrap=wrap) as server,
    ):
        assert "with 1 worker (memory for 1 of " in server.log()
        assert "the limit is 256 MiB, 1" in server.log()
        with server.client() as client:
            assert client.get("/").body == b"ok"
