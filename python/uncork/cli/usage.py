"""What click has against a command line, said in uncork's words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from itertools import islice

import click

from uncork.cli.commands import AppCommand, typed_words
from uncork.errors import UsageError


def usage_error(error: click.UsageError) -> UsageError:
    """The same complaint as a `UsageError`, with what to type instead."""
    if isinstance(error, click.NoSuchOption):
        return _no_such_flag(error.option_name, error.ctx)
    if isinstance(error, click.BadOptionUsage):
        return _bad_use(error.option_name, error.ctx)
    return UsageError(_as_sentence(error.format_message()), hints=_help_hint(error.ctx))


def _no_such_flag(name: str, ctx: click.Context | None) -> UsageError:
    from uncork.cli.foreign_flags import answer_for  # noqa: PLC0415 (only for the mistake)
    from uncork.settings.suggestion import did_you_mean  # noqa: PLC0415

    what = f"no such flag `{name}`"
    if ctx is None:
        return UsageError(what)
    if isinstance(ctx.command, click.Group):
        return UsageError(what, hints=_before_the_command(name) or _help_hint(ctx))
    words = typed_words(ctx)
    # Only `serve` has what the answers name.
    answer = answer_for(name, words) if ctx.command.name == "serve" else None
    for_script = f"if it is for your script, write `{line_for_script(ctx, name)}`"
    has_script = any(word.endswith(".py") for word in words)
    if answer:
        return UsageError(what, hints=(answer, for_script) if has_script else (answer,))
    hints = did_you_mean(name, _flags_of(ctx))
    if not isinstance(ctx.command, AppCommand):
        return UsageError(what, hints=hints or _help_hint(ctx))
    if not hints:
        hints = (for_script, *_help_hint(ctx)) if has_script else (*_help_hint(ctx), for_script)
    return UsageError(what, hints=hints)


def line_for_script(ctx: click.Context, flag: str) -> str:
    """The command line as it should be if the unknown `flag` and what follows is the script's.

    What the command itself knows stays before the two dashes, wherever it was typed.
    """
    words = typed_words(ctx)
    place = next((at for at, word in enumerate(words) if word.startswith(flag)), len(words))
    own, script = list(words[:place]), []
    rest = iter(words[place:])
    options = {name: each for each in ctx.command.params for name in each.opts if name[:1] == "-"}
    has_app = any(word.endswith(".py") for word in own)
    for word in rest:
        option = options.get(word.partition("=")[0])
        if isinstance(option, click.Option):
            own.append(word)
            if "=" not in word and not option.is_flag:
                own.extend(islice(rest, 1))
        elif not has_app and word.endswith(".py"):
            has_app = True
            own.append(word)
        else:
            script.append(word)
    name = [] if has_app or _has_argument(own, options) else ["FILE"]
    return shlex.join([*ctx.command_path.split(), *own, *name, "--", *(script or [flag])])


def _has_argument(words: list[str], options: Mapping[str, click.Parameter]) -> bool:
    """Whether one of the words is neither a flag nor the value of one."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return True
        option = options.get(word)
        if isinstance(option, click.Option) and not option.is_flag:
            next(rest, None)
    return False


def _before_the_command(name: str) -> tuple[str, ...]:
    from uncork.cli.foreign_flags import answer_for  # noqa: PLC0415 (only for the mistake)
    from uncork.settings import declarations  # noqa: PLC0415

    flags = {flag for each in declarations() for flag in (each.flag, each.short_flag) if flag}
    if name not in flags and answer_for(name, ()) is None:
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
