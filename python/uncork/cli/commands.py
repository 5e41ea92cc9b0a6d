"""What every command of uncork has in common: help, `--verbose`, `--debug`, `--`.

click parses; what it would print itself goes through `console` instead.
"""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from uncork import console
from uncork.errors import UsageError

_SCRIPT_ARGUMENTS = "uncork.script_arguments"
_TYPED = "uncork.typed"


@dataclass
class Invocation:
    """What the flags that every command has have said so far.

    Attributes:
        verbose: Say more about what is done and why.
        debug: Show uncork's own traceback when uncork fails.
    """

    verbose: bool = False
    debug: bool = False


@dataclass(frozen=True)
class LazyCommand:
    """A command whose module, which has it as `command`, is imported when it is run."""

    name: str
    module: str
    summary: str


class GroupedOption(click.Option):
    """A flag that stands under a heading of its own in the help."""

    def __init__(self, *args: Any, heading: str = "Options", **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.heading = heading


class AppCommand(click.Command):
    """A command that finds an application; what stands after `--` is for its script."""

    def __init__(self, name: str, *, callback: Callable[..., Any], **attributes: Any) -> None:
        own = list(attributes.get("params", ()))
        taken = {flag for each in own for flag in each.opts}
        common = [each for each in common_options() if taken.isdisjoint(each.opts)]
        attributes["params"] = [*own, *common]
        settings = {"allow_extra_args": True}
        super().__init__(
            name, callback=callback, context_settings=settings, add_help_option=False, **attributes
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses what stands before `--` and keeps the rest as it is."""
        # click drops the `--` itself, and would take what follows for the app.
        own, script_arguments = split_at_dashes(args)
        ctx.meta[_SCRIPT_ARGUMENTS] = tuple(script_arguments)
        ctx.meta[_TYPED] = tuple(own)  # click eats the list
        try:
            super().parse_args(ctx, own)
        except click.UsageError as error:
            # click does not always say for which command; `usage_error` wants to know.
            error.ctx = error.ctx or ctx
            raise
        if ctx.args:
            raise _too_many_arguments(ctx)
        return ctx.args

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line, with what may stand after `--`."""
        return [*super().collect_usage_pieces(ctx), "[-- SCRIPT ARGUMENTS]"]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the flags under their headings, in the order of the headings."""
        write_options(self, ctx, formatter)


class CommandGroup(click.Group):
    """The commands of uncork, each imported when it is run."""

    def __init__(self, name: str, lazy: Sequence[LazyCommand], **attributes: Any) -> None:
        super().__init__(
            name,
            params=[_version_option(), *common_options()],
            add_help_option=False,
            no_args_is_help=False,
            # Said here: click's own words for it differ between its versions.
            subcommand_metavar="COMMAND [ARGUMENTS]",
            invoke_without_command=True,
            callback=_without_command,
            **attributes,
        )
        self.lazy = {command.name: command for command in lazy}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order in which they were declared."""
        del ctx
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported; `None` when there is none of that name."""
        del ctx
        lazy = self.lazy.get(cmd_name)
        if lazy is None:
            return None
        command = importlib.import_module(lazy.module).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names, and what is left."""
        command = self.get_command(ctx, args[0])
        if command is None:
            raise _no_such_command(args[0], list(self.lazy))
        return args[0], command, args[1:]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands, then the flags; imports no command for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(lazy.name, lazy.summary) for lazy in self.lazy.values()])
        write_options(self, ctx, formatter)


def script_arguments() -> tuple[str, ...]:
    """What stood after `--` on the command line of the running command."""
    found = click.get_current_context().meta[_SCRIPT_ARGUMENTS]
    assert isinstance(found, tuple)
    return found


def typed_words(ctx: click.Context) -> tuple[str, ...]:
    """What stood between the command's name and `--`, as it was typed."""
    return tuple(ctx.meta.get(_TYPED, ()))


def split_at_dashes(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What stands before the first `--`, and what stands after it."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def common_options() -> list[click.Option]:
    """The flags that every command has."""
    return [
        GroupedOption(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set_verbose,
            help="Say more about what is done and why, and show tracebacks whole.",
        ),
        GroupedOption(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_set_debug,
            help="Show uncork's own traceback when uncork itself fails.",
        ),
        GroupedOption(
            ["-h", "--help"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_help,
            help="Show this and exit.",
        ),
    ]


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Writes the flags of a command under their headings; those without one come last."""
    headings: dict[str, list[tuple[str, str]]] = {}
    options = [each for each in command.get_params(ctx) if isinstance(each, GroupedOption)]
    for option in sorted(options, key=lambda each: each.heading == "Options"):
        record = option.get_help_record(ctx)
        if record:
            headings.setdefault(option.heading, []).append(record)
    for heading, records in headings.items():
        with formatter.section(heading):
            formatter.write_dl(records)


def _version_option() -> click.Option:
    return GroupedOption(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        help="Show the version and exit.",
    )


def _set_verbose(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    ctx.ensure_object(Invocation).verbose |= is_given


def _set_debug(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    ctx.ensure_object(Invocation).debug |= is_given


def _show_help(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        console.out(ctx.get_help())
        ctx.exit()


def _show_version(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given:
        # Ten milliseconds, which only this flag should cost.
        from importlib import metadata  # noqa: PLC0415

        try:
            version = metadata.version("uncork")
        except metadata.PackageNotFoundError:
            version = "(run from its source, not installed)"
        console.out(f"uncork {version}")
        ctx.exit()


@click.pass_context
def _without_command(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        # Not data, and not what was asked for either: stderr, and a code that says so.
        console.say(ctx.get_help())
        ctx.exit(UsageError.exit_code)


def _no_such_command(name: str, known: list[str]) -> UsageError:
    from uncork.settings.suggestion import did_you_mean  # noqa: PLC0415 (only for the mistake)

    hints = did_you_mean(name, known)
    if name.endswith(".py") or ":" in name or Path(name).exists():
        hints = (f"to serve it, write `uncork serve {name}`",)
    return UsageError(
        f"no such command `{name}`", hints=hints or ("`uncork --help` lists the commands",)
    )


def _too_many_arguments(ctx: click.Context) -> UsageError:
    extra, app = ctx.args, ctx.params.get("app_argument")
    return UsageError(
        f"one argument too many: `{extra[0]}`",
        cause="a command takes one application",
        hints=(
            f"what a script is to get stands after two dashes: "
            f"`{shlex.join([*ctx.command_path.split(), str(app), '--', *extra])}`",
        ),
    )
