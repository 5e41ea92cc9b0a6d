"""`uncork dev`: serve an application while it is being written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from uncork import console
from uncork.cli.app_options import app_argument, read_choice
from uncork.cli.commands import AppCommand, Invocation, script_arguments
from uncork.cli.setting_flags import APP_SETTINGS, dev_options, given_flags, setting_options
from uncork.settings import dev_declarations, resolve_dev

if TYPE_CHECKING:
    from uncork.dev.starting import Choice

_HELP = """\
Serve an application while it is being written.

It is loaded anew whenever its files change, goes on whatever happens to it, and shows errors in the
browser. APP is found as `uncork serve` finds it; what stands after `--` is for its script.

\b
  uncork dev
  uncork dev hello:app --port 8080
  uncork dev hello.py -- --name bob

Flags are settings as well: `--port` is `UNCORK_DEV_PORT` in the environment, and `port` in
`[tool.uncork.dev]` of `pyproject.toml`.
"""


@click.pass_context
def dev(ctx: click.Context, /, **parameters: Any) -> int:
    """Serves until it is asked to stop and returns the exit code."""
    environ = dict(os.environ)
    choice = _read(parameters, environ)
    for warning in choice.resolved.warnings:
        console.warn(warning)
    from uncork.dev import starting  # noqa: PLC0415 (only when it is to serve)

    return starting.serve(
        choice,
        script_arguments(),
        verbose=ctx.ensure_object(Invocation).verbose,
        read_again=lambda: _read(parameters, environ),
    )


def _read(parameters: Mapping[str, Any], environ: Mapping[str, str]) -> Choice:
    """The settings and the app as flags and files name them by now.

    Raises:
        UsageError: A setting is wrong, or two applications are named.
    """
    from uncork.dev.starting import Choice  # noqa: PLC0415 (not for `--help`)

    env_file = parameters["env_file"] or environ.get("FLASK_ENV_FILE")
    named = Path(env_file).absolute() if env_file else None
    found = read_choice(parameters, environ, named)
    flags = {each.field: parameters[each.field] for each in dev_declarations()}
    own = resolve_dev(
        flags={**given_flags(parameters), **flags},
        environ=environ,
        directory=Path.cwd(),
        env_file=named,
    )
    return Choice(found.resolved, own, found.spec, {**found.resolved.dotenv, **environ})


command = AppCommand(
    "dev",
    callback=dev,
    help=_HELP,
    params=[app_argument(), *setting_options(APP_SETTINGS), *dev_options()],
)
