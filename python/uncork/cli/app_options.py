"""How a command is told its application, the same for every command.

The argument is the strongest, then `--app`, `--call`, `UNCORK_APP`, `FLASK_APP`, the file of
settings. Whoever names two applications in one breath is asked which one is meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from uncork import console
from uncork.cli.commands import Invocation, script_arguments
from uncork.cli.setting_flags import given_flags
from uncork.errors import EnvironmentProblem, UncorkError, UsageError
from uncork.settings import Origin, ResolvedSettings, resolve

if TYPE_CHECKING:
    from uncork.app_locator import AppSpec, LocatedApp

_ARGUMENT = Origin("flag", "the argument", strength=501)


@dataclass(frozen=True)
class AppChoice:
    """What a command works with: the settings, and the application they name."""

    resolved: ResolvedSettings
    spec: AppSpec


def app_argument() -> click.Argument:
    """The argument `[APP]`."""
    return click.Argument(["app_argument"], metavar="[APP]", required=False)


def choose_app(parameters: Mapping[str, Any]) -> AppChoice:
    """The settings and the application that a command's parameters and all sources name.

    Puts what `.env` and `.flaskenv` set into `os.environ`, where the application looks for
    it, and tells the warnings.

    Raises:
        UsageError: A setting is wrong, or two applications are named.
    """
    choice = read_choice(parameters, os.environ)
    for name, value in choice.resolved.dotenv.items():
        os.environ.setdefault(name, value)
    for warning in choice.resolved.warnings:
        console.warn(warning)
    return choice


def read_choice(
    parameters: Mapping[str, Any], environ: Mapping[str, str], env_file: Path | None = None
) -> AppChoice:
    """The settings and the application that a command's parameters and all sources name.

    Changes and tells nothing.

    Raises:
        UsageError: A setting is wrong, or two applications are named.
    """
    flags = given_flags(parameters)
    argument = parameters["app_argument"]
    if argument is not None:
        flags = _with_argument(flags, argument)
    resolved = resolve(
        flags=flags, environ=environ, directory=_working_directory(), env_file=env_file
    )
    if argument is not None:
        resolved = replace(resolved, origins={**resolved.origins, "app": _ARGUMENT})
    return AppChoice(resolved, _spec(resolved))


def with_chosen_app(choice: AppChoice, use: Callable[[LocatedApp], None]) -> None:
    """Finds the application, calls `use` with it, and tells how it was found.

    Raises:
        UncorkError: As `with_app` does, and what `use` raises.
    """
    from uncork.app_locator import with_app  # noqa: PLC0415 (only when an app is wanted)
    from uncork.election import ELECTIONS, NotElected  # noqa: PLC0415

    ELECTIONS.arbiter = NotElected()
    context = click.get_current_context()
    verbose = context.ensure_object(Invocation).verbose

    def as_typed(text: str) -> str:
        # The app locator knows no commands, and speaks of the one that most people type.
        return text.replace("`uncork serve ", f"`{context.command_path} ")

    failures: list[Exception] = []

    def use_and_keep_failure(located: LocatedApp) -> None:
        for warning in located.warnings:
            console.warn(as_typed(warning))
        if verbose:
            console.note(f"`{located.name}`: {located.explanation}")
        try:
            use(located)
        except Exception as error:
            # In takeover the script stands between us and `with_app`, and may catch it.
            failures.append(error)

    try:
        with_app(
            choice.spec,
            use_and_keep_failure,
            load_as=choice.resolved.values.load_as,
            script_arguments=script_arguments(),
            verbose=verbose,
        )
    except UncorkError as error:
        error.hints = tuple(map(as_typed, error.hints))
        raise
    if failures:
        raise failures[0]


def _with_argument(flags: dict[str, object], argument: str) -> dict[str, object]:
    named = flags["app"]
    if named is not None and named != argument:
        raise _two_apps(f"the argument `{argument}`", f"`--app {named}`")
    if flags["call"] is not None:
        raise _two_apps(f"the argument `{argument}`", f"`--call {flags['call']}`")
    return {**flags, "app": argument}


def _spec(resolved: ResolvedSettings) -> AppSpec:
    from uncork.app_locator import AppSpec  # noqa: PLC0415 (only when an app is wanted)

    values, origins = resolved.values, resolved.origins
    app, call = origins["app"], origins["call"]
    if values.call is None or (values.app is not None and app.strength > call.strength):
        return AppSpec(values.app, _source(app))
    if values.app is not None and app.strength == call.strength:
        raise _two_apps(f"`{values.app}` from {app.text}", f"`{values.call}` from {call.text}")
    return AppSpec(values.call, _source(call), is_factory_call=True)


def _source(origin: Origin) -> str:
    return f"`{origin.text}`" if origin.kind == "file" else origin.text


def _two_apps(one: str, other: str) -> UsageError:
    return UsageError(
        "two applications are named", cause=f"{one} and {other}", hints=("name one of them",)
    )


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise EnvironmentProblem(
            "the working directory is gone", hints=("change to a folder that exists",)
        ) from None
