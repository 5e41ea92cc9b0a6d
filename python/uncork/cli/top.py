"""`uncork top`: what a running server does, from second to second."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from uncork import console
from uncork.cli.commands import GroupedOption
from uncork.cli.control_command import ControlCommand, out_json, the_server
from uncork.errors import EnvironmentProblem

if TYPE_CHECKING:
    from uncork.supervisor.control.client import ControlClient

_INTERVAL_SECONDS = 1.0
# A restart (USR2) opens the control socket anew.
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.2

_HELP = """\
Watch what a running server does.

Requests and errors in each second, how long answers take, the workers, and the requests that run.
Ctrl+C or `q` leaves. When the output is not a terminal, it is repeated as plain text, and with
`--json` as one object on a line.
"""


def top(once: bool, as_json: bool, **parameters: Any) -> None:
    """Shows it until it is left."""
    # Not for `--help`.
    from uncork.cli.top_screen import Plain, screen  # noqa: PLC0415
    from uncork.cli.top_text import Look, plain_text, screen_text  # noqa: PLC0415

    server, before = the_server(parameters), None
    if once:
        with server:
            figures = _figures(server)
        if as_json:
            out_json(figures)
        else:
            console.out(plain_text(Look(figures), None))
        return
    with Plain() if as_json else screen() as shown:
        while True:
            server, figures = _look(server)
            now = Look(figures)
            if as_json:
                console.out(json.dumps(figures))
            elif shown.is_plain:
                console.out(plain_text(now, before) + "\n")
            else:
                shown.show(partial(screen_text, now, before))
            before = now
            if not shown.wait(_INTERVAL_SECONDS):
                return


def _figures(server: ControlClient) -> Mapping[str, Any]:
    return {**server.ask("figures"), "is_here": server.process is not None}


def _look(server: ControlClient) -> tuple[ControlClient, Mapping[str, Any]]:
    """The figures, and the connection that they came over: a new one after a restart."""
    from uncork.supervisor.control.client import connect  # noqa: PLC0415 (not for `--help`)

    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return server, _figures(server)
        except EnvironmentProblem:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
        try:
            again = connect(server.place)
        except EnvironmentProblem:
            if time.monotonic() > deadline:
                raise
        else:
            server.close()
            server = again


command = ControlCommand(
    "top",
    callback=top,
    help=_HELP,
    params=[GroupedOption(["--once"], is_flag=True, help="Show it once, and do not wait.")],
)
