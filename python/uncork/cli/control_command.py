"""What the commands that talk to a running server have in common: which server, and `--json`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from uncork import console
from uncork.cli.commands import GroupedOption, common_options, write_options
from uncork.errors import UsageError
from uncork.settings import resolve

if TYPE_CHECKING:
    from uncork.supervisor.control.client import ControlClient

_BELOW_ZERO = re.compile(r"-(?=[0-9]+$)")
MINUS = "\N{MINUS SIGN}"
_UNPRINTABLE = re.compile(r"[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class ControlCommand(click.Command):
    """A command for a running server; arguments of its own come before the one that names it."""

    def __init__(self, name: str, *, callback: Callable[..., Any], **attributes: Any) -> None:
        own = attributes.pop("params", ())
        flags = [each for each in own if isinstance(each, click.Option)]
        super().__init__(
            name,
            callback=callback,
            params=[
                *(each for each in own if each not in flags),
                click.Argument(["server"], metavar="[SERVER]", required=False),
                *flags,
                *_flags_of_all(),
                *common_options(),
            ],
            add_help_option=False,
            **attributes,
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the line; `-1` is a number there, and no flag."""
        return super().parse_args(ctx, [_BELOW_ZERO.sub(MINUS, word) for word in args])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the flags under their headings."""
        write_options(self, ctx, formatter)


def the_server(parameters: Mapping[str, Any]) -> ControlClient:
    """A connection to the server that the parameters name.

    Raises:
        UsageError: There are several, and none is named.
        EnvironmentProblem: There is none, or it may not be asked.
    """
    name, control = parameters["server"], parameters["control"]
    if name is not None and control is not None:
        raise UsageError(
            "the server is named twice",
            cause=f"`{name}` and `--control {control}`",
            hints=("write one of the two",),
        )
    if name is not None and "/" in name:
        name, control = None, name
    if name is None and control is None:
        control = _configured()
    # Not for `--help`.
    from uncork.supervisor.control.discovery import the_server as found_server  # noqa: PLC0415

    return found_server(name, control)


def worker_option() -> click.Option:
    """The flag that names one worker."""
    return GroupedOption(["--worker"], metavar="PROCESS", help="Only those of one worker process.")


def chosen_worker(worker: str | None) -> dict[str, int]:
    """The argument of a request, by what was typed for `--worker`.

    Raises:
        UsageError: It is not the number of a process.
    """
    if worker is None:
        return {}
    if not worker.isdecimal():
        raise UsageError(
            f"bad value `{worker}` for `--worker`",
            hints=("write the number of its process; `uncork status` has it",),
        )
    return {"worker": int(worker)}


def out_json(facts: Mapping[str, Any]) -> None:
    """Prints the facts as one JSON object."""
    console.out(json.dumps(facts, indent=2))


def printable(text: str) -> str:
    """The text without what a terminal would take for commands: clients choose it, in part."""
    return _UNPRINTABLE.sub("?", text)


def _configured() -> str | None:
    """What the settings say here, of the environment or of a file; `None`: nothing definite."""
    try:
        resolved = resolve(flags={}, environ=os.environ, directory=Path.cwd())
    except (UsageError, OSError):
        return None  # a server that runs needs none of it
    control = resolved.values.control
    return None if control in ("auto", "none") else control


def _flags_of_all() -> list[click.Option]:
    return [
        GroupedOption(
            ["--control"],
            metavar="PATH",
            help="The control socket of the server, if it was given one with `--control`.",
        ),
        GroupedOption(["as_json", "--json"], is_flag=True, help="Print JSON."),
    ]
