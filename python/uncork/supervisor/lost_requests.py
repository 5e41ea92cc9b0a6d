"""What was lost with a worker that died, so that each request that failed is explained."""

from __future__ import annotations

from dataclasses import replace

from uncork import console
from uncork.supervisor.deaths import Death
from uncork.supervisor.scoreboard import RunningRequest, Scoreboard


def tell_of_lost(scoreboard: Scoreboard, row: int, name: str, death: Death, now: float) -> Death:
    """Tells of each request that was inside a worker which did not end by itself as it should.

    Args:
        scoreboard: Where they stand, until the row is released.
        row: The worker's.
        name: The worker's.
        death: How it died.
        now: The time.

    Returns:
        The death, with how many connections went with the worker, if any did by a signal.
    """
    if death.exit_code == 0:
        return death
    for request in scoreboard.running(row):
        console.warn(f"lost with {name}: {described(request, now)}")
    count = scoreboard.worker(row).connections
    if death.exit_code is not None or not count:
        return death
    connections = f"{count} connection{'' if count == 1 else 's'}"
    return replace(death, text=f"{death.text} with {connections}")


def described(request: RunningRequest, now: float) -> str:
    """A request, in a line of the log."""
    target = request.target.encode("unicode_escape").decode() + ("…" if request.is_cut else "")
    client = "a client on a unix socket"
    if request.client is not None:
        host = f"[{request.client}]" if ":" in request.client else request.client
        client = f"{host}:{request.client_port}"
    seconds = max(0.0, now - request.started)
    called = "" if request.identifier is None else f", request `{request.identifier}`"
    return f"`{request.method} {target}` of {client}{called}, after {seconds:.1f} s"
