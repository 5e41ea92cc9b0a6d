"""A server of the app that hangs in each way there is, and what becomes of its workers."""

from __future__ import annotations

from tests.conftest import APPS
from tests.support.live_server import LiveServer

# For those who have to be found silent first; a test that waits so long has a longer timeout.
_REPLACED_SECONDS = 25.0


def serve(*arguments: str, workers: int = 1) -> LiveServer:
    """The server, with these flags."""
    return LiveServer("hanging:app", *arguments, directory=APPS, workers=workers)


def wait_for_replaced(server: LiveServer, pid: int, workers: int) -> None:
    """Returns once the process has gone, and there are so many workers again."""

    def is_replaced() -> bool:
        pids = server.worker_pids
        return pid not in pids and len(pids) == workers

    server.wait_for(is_replaced, f"process {pid} was replaced", seconds=_REPLACED_SECONDS)
