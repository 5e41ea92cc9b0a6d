"""`uncork reload`: have a running server load its code and settings anew."""

from __future__ import annotations

from typing import Any

from uncork import console
from uncork.cli.commands import GroupedOption
from uncork.cli.control_command import ControlCommand, out_json, the_server
from uncork.errors import UncorkError

_HELP = """\
Load code and settings anew in a running server.

The command waits for what comes of it. Workers with the new code are started beside those that
serve, and take over when they serve too; no request is lost. If the new code fails, the code
from before goes on serving: then the exit code is 3, and the traceback is shown. With a bad
setting it is 2.
"""


def reload(no_wait: bool, as_json: bool, **parameters: Any) -> None:
    """Reloads."""
    with the_server(parameters) as server:
        try:
            # The server has its own limits for how long this takes, such as `boot_timeout`.
            done = server.ask("reload", timeout_seconds=None, wait=not no_wait)
        except UncorkError as error:
            if as_json:
                from uncork.supervisor.error_facts import facts_of_error  # noqa: PLC0415

                out_json({"outcome": "failed", "error": facts_of_error(error)})
            raise
    if as_json:
        out_json(done)
    elif no_wait:
        console.say(f"reloading: generation {done['generation']} is tried")
    else:
        seconds = done.get("seconds")
        after = "" if seconds is None else f", after {seconds:.1f} s"
        console.say(f"reloaded: generation {done['generation']} serves{after}")


command = ControlCommand(
    "reload",
    callback=reload,
    help=_HELP,
    params=[
        GroupedOption(
            ["--no-wait"], is_flag=True, help="Do not wait: `uncork status` says what came of it."
        )
    ],
)
