"""`uncork serve`: serve an application in production."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from uncork import console
from uncork.cli.app_options import app_argument, choose_app, read_choice
from uncork.cli.commands import AppCommand, GroupedOption, Invocation, script_arguments
from uncork.cli.setting_flags import setting_options
from uncork.cli.show_settings import settings_as_json, settings_as_table
from uncork.errors import UsageError
from uncork.settings import Surroundings, take_surroundings, with_passed_listeners

if TYPE_CHECKING:
    from uncork.app_locator import AppSpec
    from uncork.settings import ResolvedSettings

_HELP = """\
Serve an application in production.

APP is `module:name`, `module:factory()`, `module`, or a file. A file that starts its own
server in its `__main__` block is run as it is, and what stands after `--` is for it. Without
APP, `app.py`, `wsgi.py` and other usual names are looked for.

\b
  uncork serve
  uncork serve hello:app --bind 0.0.0.0:8000
  uncork serve hello.py -- --name bob

Every flag is a setting as well: `--max-body` is `UNCORK_MAX_BODY` in the environment and
`max_body` in `uncork.toml` or in `[tool.uncork]` of `pyproject.toml`.
"""


@click.pass_context
def serve(ctx: click.Context, /, show_settings: bool, as_json: bool, **parameters: Any) -> int:
    """Serves until it is asked to stop and returns the exit code."""
    if as_json and not show_settings:
        raise UsageError("`--json` goes with `--show-settings`", hints=("write both, or none",))
    surroundings = take_surroundings(os.environ, os.getpid())  # before `.env` adds to it
    choice = choose_app(parameters)
    resolved = with_passed_listeners(choice.resolved, surroundings.service)
    if show_settings:
        show = settings_as_json if as_json else settings_as_table
        console.out(show(resolved))
        return 0
    from uncork.supervisor import starting  # noqa: PLC0415 (only when it is to serve)

    if surroundings.handover is not None and surroundings.handover.purpose == "check":
        starting.check(resolved, surroundings.handover)
        return 0
    verbose = ctx.ensure_object(Invocation).verbose
    return starting.serve(
        resolved,
        choice.spec,
        script_arguments(),
        verbose=verbose,
        read_again=lambda: _read_again(parameters, surroundings),
        surroundings=surroundings,
    )


def _read_again(
    parameters: Mapping[str, Any], surroundings: Surroundings
) -> tuple[ResolvedSettings, AppSpec, Mapping[str, str]]:
    """The settings and the app as the files name them by now, and the app's environment."""
    environ = surroundings.environ
    choice = read_choice(parameters, environ)
    for warning in choice.resolved.warnings:
        console.warn(warning)
    resolved = with_passed_listeners(choice.resolved, surroundings.service)
    return resolved, choice.spec, {**choice.resolved.dotenv, **environ}


command = AppCommand(
    "serve",
    callback=serve,
    help=_HELP,
    params=[
        app_argument(),
        *setting_options(),
        GroupedOption(
            ["--show-settings"],
            is_flag=True,
            help="Show every setting and where its value comes from, and exit.",
        ),
        GroupedOption(
            ["as_json", "--json"],
            is_flag=True,
            help="With `--show-settings`: show them as JSON.",
        ),
    ],
)
