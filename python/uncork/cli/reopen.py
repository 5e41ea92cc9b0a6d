"""`uncork reopen`: have a running server open its log files anew."""

from __future__ import annotations

from typing import Any

from uncork import console
from uncork.cli.control_command import ControlCommand, out_json, the_server

_HELP = """\
Open the log files of a running server anew.

For when they were moved away: for `postrotate` of logrotate; the same as USR1.
"""


def reopen(as_json: bool, **parameters: Any) -> None:
    """Has the logs reopened."""
    with the_server(parameters) as server:
        done = server.ask("reopen")
    if as_json:
        out_json(done)
    else:
        console.say("the log files are opened anew")


command = ControlCommand("reopen", callback=reopen, help=_HELP)
