"""`uncork stop`: end a running server."""

from __future__ import annotations

from typing import Any

from uncork import console
from uncork.cli.commands import GroupedOption
from uncork.cli.control_command import ControlCommand, out_json, the_server

_HELP = """\
Stop a running server.

The command waits until it has ended. It takes no new connections, and requests that run are
finished, for up to `graceful_timeout`. A service manager that watches over the server may start
it again: then stop it there.
"""


def stop(now: bool, as_json: bool, **parameters: Any) -> None:
    """Stops the server."""
    with the_server(parameters) as server:
        pid = server.ask("stop", now=now)["pid"]
        server.wait_for_end()
    if as_json:
        out_json({"pid": pid, "outcome": "stopped"})
    else:
        console.say(f"stopped: process {pid} has ended")


command = ControlCommand(
    "stop",
    callback=stop,
    help=_HELP,
    params=[
        GroupedOption(["--now"], is_flag=True, help="Stop at once: requests that run are cut off.")
    ],
)
