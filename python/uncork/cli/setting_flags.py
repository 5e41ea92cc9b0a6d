"""The flags that the settings have, made from their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from uncork.cli.commands import GroupedOption
from uncork.settings import Declaration, declarations, dev_declarations
from uncork.settings.kinds import Switch

# The settings that every command which needs an application has.
APP_SETTINGS = frozenset({"app", "call", "load_as", "config"})


def setting_options(only: frozenset[str] | None = None) -> list[click.Parameter]:
    """One flag for each setting, or for those whose field is in `only`."""
    wanted = (each for each in declarations() if only is None or each.field in only)
    return [_option(declaration) for declaration in wanted]


def dev_options() -> list[click.Parameter]:
    """One flag for each setting that only a development server has."""
    return [_option(declaration) for declaration in dev_declarations()]


def switch_flags(declaration: Declaration) -> tuple[str, str]:
    """The flag that says yes, and the one that says no."""
    yes = declaration.flag
    no = yes.replace("--with-", "--without-")
    return yes, no if no != yes else f"--no-{yes[2:]}"


def given_flags(parameters: Mapping[str, Any]) -> dict[str, object]:
    """Those of a command's parameters that are settings, as `settings.resolve` takes them."""
    fields = {declaration.field for declaration in declarations()}
    return {name: value for name, value in parameters.items() if name in fields}


def _option(declaration: Declaration) -> click.Option:
    names = [declaration.field, declaration.flag]
    if isinstance(declaration.kind, Switch):
        names[1] = "/".join(switch_flags(declaration))
        return GroupedOption(
            names, default=None, help=_help(declaration), heading=declaration.group
        )
    if declaration.short_flag:
        names.insert(1, declaration.short_flag)
    # Deliberately not: a click type. A flag is read where every other source is read.
    return GroupedOption(
        names,
        metavar=declaration.kind.metavar,
        multiple=declaration.is_repeatable,
        help=_help(declaration),
        heading=declaration.group,
    )


def _help(declaration: Declaration) -> str:
    if declaration.default is None and declaration.kind.show(None) == "none":
        return f"{declaration.summary}."
    return f"{declaration.summary} [default: {declaration.kind.show(declaration.default)}]."
