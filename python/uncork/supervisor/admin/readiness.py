"""Whether requests should be sent here, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping

from uncork.supervisor.status import ServerStatus

# A supervisor or a loop that has not turned for so long is stuck: both turn within milliseconds,
# on a machine that is very busy within a second or two.
STALE_SECONDS = 5.0


def why_not_alive(unanswered_seconds: float) -> str | None:
    """What is wrong with the supervisor; `None`: its loop turns.

    Args:
        unanswered_seconds: For how long it has owed an answer.
    """
    if unanswered_seconds < STALE_SECONDS:
        return None
    return f"the supervisor has not answered for {unanswered_seconds:.0f} seconds"


def why_not_ready(status: ServerStatus | None, ages: Mapping[int, float]) -> str | None:
    """Why no worker would answer a request; `None`: one would.

    Args:
        status: The server; `None`: the supervisor has not told of it yet.
        ages: The age of each worker's last heartbeat in seconds, by its process id.
    """
    if status is None:
        return "the supervisor has not answered yet"
    if status.state == "stopping":
        return "the server is draining"
    if status.generation is None:
        return "the application is being loaded"
    # Of an older generation too: until the new one is whole, its workers answer as well.
    ready = [worker for worker in status.workers if worker.state == "ready"]
    if not ready:
        return "no worker is ready"
    if all(ages.get(worker.pid, 0.0) > STALE_SECONDS for worker in ready):
        return f"no worker's event loop has turned for {STALE_SECONDS:.0f} seconds"
    return None
