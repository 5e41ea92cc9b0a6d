"""The commands of uncork that stand on Flask's own command line, as a plug-in of it.

Flask finds the app and reads `.env` in its own way, into its own process, before a command is
called. So a command here only takes what was written on the command line, and becomes the same
command of `uncork`, in the environment from before: a server must not have the app, nor Flask,
nor yesterday's `.env`. Imports nothing of Flask.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from uncork import console
from uncork.cli import COMMANDS
from uncork.cli.commands import LazyCommand, split_at_dashes
from uncork.errors import EnvironmentProblem, UncorkError, UsageError
from uncork.settings.dotenv_files import read_dotenv_files
from uncork.settings.process_start import environ_at_start, process_start

_FROM_FLASK = "FLASK_RUN_FROM_CLI"
_SKIP_DOTENV = "FLASK_SKIP_DOTENV"
_HELP = frozenset({"-h", "--help"})


class FlaskCommand(click.Command):
    """A command of uncork's under `flask`; all that stands behind it is uncork's to read."""

    def __init__(self, lazy: LazyCommand) -> None:
        super().__init__(lazy.name, short_help=f"{lazy.summary}, with uncork.")
        self._lazy = lazy

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Those of uncork's command, for the help and for the shell's completion."""
        return self._own().get_params(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads nothing but a wish for help."""
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        ctx.args = list(args)
        if _HELP & set(split_at_dashes(ctx.args)[0]):
            console.out(self._own().get_help(ctx))
            ctx.exit()
        return ctx.args

    def invoke(self, ctx: click.Context) -> None:
        """Becomes uncork's command; does not return, or exits with its code."""
        try:
            _become(self._lazy.name, ctx)
        except UncorkError as error:
            console.fail(error)
            ctx.exit(error.exit_code)

    def _own(self) -> click.Command:
        from importlib import import_module  # noqa: PLC0415 (only for help and completion)

        command = import_module(self._lazy.module).command
        assert isinstance(command, click.Command)
        return command


def _become(name: str, ctx: click.Context) -> None:
    from uncork.supervisor.forking import become_program  # noqa: PLC0415 (not for the help)

    own, script = split_at_dashes(ctx.args)
    env_file = _typed_env_file(ctx)
    # Which `uncork dev` reads again whenever it changes.
    named = ["--env-file", env_file] if env_file and name == "dev" else []
    words = [name, *_app_words(ctx, own), *named, *own, *(["--", *script] if script else [])]
    command = [sys.executable, *process_start().flags, "-m", "uncork", *words]
    try:
        become_program(command, _environ(ctx, env_file if named else None), [])
    except OSError as error:
        raise EnvironmentProblem(
            f"could not start `uncork {name}`", cause=(error.strerror or str(error)).lower()
        ) from None


def _app_words(ctx: click.Context, own: list[str]) -> list[str]:
    """`--app`, if `flask` was given one; a variable is uncork's to read."""
    info = ctx.obj  # `flask.cli.ScriptInfo`
    if getattr(info, "create_app", None) is not None:
        return [] if _names_app(own) else ["--app", _factory(info.create_app)]
    group = ctx.parent
    typed = click.core.ParameterSource.COMMANDLINE
    if group is None or group.get_parameter_source("app") is not typed:
        return []
    return ["--app", str(info.app_import_path)]


def _names_app(words: list[str]) -> bool:
    return any(word.split("=")[0] in ("-A", "--app", "--call") for word in words)


def _factory(create_app: Any) -> str:
    """What names the function of a command line of somebody's own (`FlaskGroup(create_app=…)`).

    Raises:
        UsageError: It has no name that it could be imported by.
    """
    module, name = create_app.__module__, getattr(create_app, "__qualname__", "<lambda>")
    if module == "__main__":
        module = getattr(sys.modules["__main__"], "__file__", None)
    if not module or not name.replace(".", "").isidentifier():
        raise UsageError(
            "the function that makes the app of this command line can't be named",
            cause=f"it is `{name}` in `{create_app.__module__}`",
            hints=("name an app with `--app`, as in `--app 'shop:create_app()'`",),
        )
    return f"{module}:{name}()"


def _typed_env_file(ctx: click.Context) -> str | None:
    """`flask --env-file FILE`, which Flask keeps for itself; `None`: it was not typed."""
    group = ctx.parent
    typed = click.core.ParameterSource.COMMANDLINE
    if group is None or group.get_parameter_source("env_file") is not typed:
        return None
    try:
        found, _, _ = group.command.make_parser(group).parse_args(sys.argv[1:])
    except click.UsageError:  # it was called with other arguments than this process
        return None
    return str(found["env_file"]) if "env_file" in found else None


def _environ(ctx: click.Context, env_file: str | None) -> Mapping[str, str]:
    """The environment without what Flask has put there for itself."""
    started = environ_at_start() or {}
    environ = dict(os.environ)
    environ.pop(_FROM_FLASK, None)
    # What `.env` says is read again at each reload, unless the environment says it.
    for name, value in _dotenv_values(env_file).items():
        if environ.get(name) == value and name not in started:
            del environ[name]
    if not getattr(ctx.obj, "load_dotenv_defaults", True):
        environ[_SKIP_DOTENV] = "1"
    return environ


def _dotenv_values(env_file: str | None) -> Mapping[str, str]:
    named = Path(env_file).absolute() if env_file else None
    try:
        files = read_dotenv_files(os.environ, Path.cwd(), named)
    except UncorkError:
        return {}  # which uncork tells by itself
    merged: dict[str, str] = {}
    for file in reversed(files):
        merged.update(file.variables.values)
    return merged


def _command(name: str) -> FlaskCommand:
    return FlaskCommand(next(each for each in COMMANDS if each.name == name))


serve = _command("serve")
dev = _command("dev")
