"""`uncork scale`: change how many workers a running server has."""

from __future__ import annotations

import re
from typing import Any

import click

from uncork import console
from uncork.cli.control_command import MINUS, ControlCommand, out_json, the_server
from uncork.errors import UsageError

_NUMBER = re.compile(rf"([+{MINUS}]?)([0-9]{{1,6}})")

_HELP = """\
Change how many workers a running server has.

NUMBER is how many there are to be, or with a sign, how many more or fewer: `4`, `+1`, `-1`.
A worker that goes finishes its requests first. The next reload reads the settings anew, and
with them the number of workers.
"""


def scale(number: str, as_json: bool, **parameters: Any) -> None:
    """Scales."""
    found = _NUMBER.fullmatch(number)
    if not found:
        raise UsageError(
            f"bad value `{number.replace(MINUS, '-')}` for `NUMBER`",
            cause="it is not a number of workers",
            hints=("write `4`, `+1` or `-1`",),
        )
    sign, digits = found.groups()
    wanted = (
        {"by": int(digits) * (-1 if sign == MINUS else 1)} if sign else {"workers": int(digits)}
    )
    with the_server(parameters) as server:
        done = server.ask("scale", **wanted)
    if as_json:
        out_json(done)
    else:
        plural = "" if done["workers"] == 1 else "s"
        console.say(f"{done['workers']} worker{plural} from now on, {done['before']} before")


command = ControlCommand(
    "scale",
    callback=scale,
    help=_HELP,
    params=[click.Argument(["number"], metavar="NUMBER")],
)
