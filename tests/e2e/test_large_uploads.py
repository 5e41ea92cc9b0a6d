"""Uploads of any size take the same memory, buffered and streamed.

They are of `LARGE_UPLOAD` bytes, 64 MiB where that variable is not set:
`LARGE_UPLOAD=4294967296 pytest tests/e2e/test_large_uploads.py` sends 4 GiB. Buffered, the
temporary folder needs that much room.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import APPS
from tests.support import components
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

MEBIBYTE = 1024 * 1024
SIZE = int(os.environ.get("LARGE_UPLOAD", 64 * MEBIBYTE))
PIECE = bytes(MEBIBYTE)
GROWTH = 4 * MEBIBYTE
# A piece of 1 MiB takes some 20 ms where the disk is slow.
TIMEOUT_SECONDS = 10 + SIZE // (20 * MEBIBYTE)


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_SECONDS)
@pytest.mark.parametrize("uploads", ["buffered", "streamed"])
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_a_large_upload_takes_no_more_memory_than_a_small_one(uploads: str, framing: str) -> None:
    if sys.platform != "linux":
        components.missing("only Linux tells how much memory a process took at the most")
    arguments = ("counting:app", f"--body-mode={uploads}", "--max-body=unlimited")
    with (
        LiveServer(*arguments, directory=APPS) as server,
        server.client(timeout_seconds=TIMEOUT_SECONDS) as client,
    ):
        most_memory(server.worker_pid)  # what starting took is of no matter
        upload(client, framing, 8 * MEBIBYTE)
        before = most_memory(server.worker_pid)
        upload(client, framing, SIZE)
        growth = most_memory(server.worker_pid) - before
        print(f"{uploads}, {framing}: {SIZE:,} bytes took {growth:,} bytes of memory")
        assert growth < GROWTH


def upload(client: RawClient, framing: str, size: int) -> None:
    """Sends zeros, which the app must have counted."""
    line = f"Content-Length: {size}" if framing == "sized" else "Transfer-Encoding: chunked"
    client.send(f"POST / HTTP/1.1\r\nHost: test\r\n{line}\r\n\r\n".encode())
    for start in range(0, size, len(PIECE)):
        piece = PIECE[: size - start]
        client.send(piece if framing == "sized" else b"%x\r\n%s\r\n" % (len(piece), piece))
    if framing == "chunked":
        client.send(b"0\r\n\r\n")
    assert client.read_response().body == str(size).encode()


def most_memory(pid: int) -> int:
    """The most memory that the process has taken since this was asked last (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
