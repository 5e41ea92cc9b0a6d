"""What click has against a command line, said in uncork's words."""

from __future__ import annotations

import click

from uncork.errors import UsageError


def usage_error(error: click.UsageError) -> UsageError:
    """The same complaint as a `UsageError`, with what to type instead."""
    if isinstance(error, click.NoSuchOption):
        return _no_such_flag(error.option_name, error.ctx)
    if isinstance(error, click.BadOptionUsage):
        return _bad_use(error.option_name, error.ctx)
    return UsageError(_as_sentence(error.format_message()), hints=_help_hint(error.ctx))


def _no_such_flag(name: str, ctx: click.Context | None) -> UsageError:
    from uncork.settings.suggestion import did_you_mean  # noqa: PLC0415 (only for the mistake)

    what = f"no such flag `{name}`"
    if ctx and isinstance(ctx.command, click.Group):
        return UsageError(what, hints=_before_the_command(name) or _help_hint(ctx))
    hints = did_you_mean(name, _flags_of(ctx))
    if ctx and not hints:
        line = f"{ctx.command_path} FILE -- {name} …"
        hints = (*_help_hint(ctx), f"if it is for your script, write `{line}`")
    return UsageError(what, hints=hints)


def _before_the_command(name: str) -> tuple[str, ...]:
    from uncork.settings import declarations  # noqa: PLC0415 (only for the mistake)

    flags = {flag for each in declarations() for flag in (each.flag, each.short_flag) if flag}
    if name not in flags:
        return ()
    return (f"it stands behind the command: `uncork serve {name} …`",)


def _bad_use(name: str, ctx: click.Context | None) -> UsageError:
    parameters = ctx.command.params if ctx else []
    option = next((each for each in parameters if name in each.opts), None)
    if isinstance(option, click.Option) and option.is_flag:
        return UsageError(f"`{name}` takes no value", hints=(f"write `{name}` alone",))
    metavar = getattr(option, "metavar", None) or "VALUE"
    return UsageError(f"`{name}` needs a value", hints=(f"write `{name} {metavar}`",))


def _flags_of(ctx: click.Context | None) -> list[str]:
    parameters = ctx.command.params if ctx else []
    return [name for each in parameters for name in each.opts if name.startswith("--")]


def _help_hint(ctx: click.Context | None) -> tuple[str, ...]:
    return (f"`{ctx.command_path} --help` lists what can be written",) if ctx else ()


def _as_sentence(message: str) -> str:
    return message[:1].lower() + message[1:].removesuffix(".")
