"""`uncork health`: whether a running server answers, for the health check of a container."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from uncork import console, health_probe
from uncork.cli.commands import GroupedOption, common_options, write_options
from uncork.cli.setting_flags import given_flags, setting_options
from uncork.errors import EnvironmentProblem, UsageError
from uncork.settings import BadValueError, parse_duration, resolve

_SETTINGS = frozenset({"config", "bind", "cert", "key"})
_UNWELL = 1

_HELP = """\
Ask a running server whether it answers.

Every address that the settings name is asked, with the same flags, variables and files as for
`uncork serve`. An answer below 500 is a good one; the exit code is then 0, and 1 otherwise.

\b
  HEALTHCHECK CMD ["uncork", "health"]
  uncork health --url http://127.0.0.1:8000/healthz
"""


def health(url: str | None, path: str | None, timeout: str, **parameters: Any) -> int:
    """Prints each answer; the exit code."""
    seconds = _seconds(timeout)
    for target in _targets(url, path, parameters):
        try:
            answer = health_probe.ask(target, seconds)
        except EnvironmentProblem as error:
            console.fail(error)
            return _UNWELL
        console.out(f"{target.url} is well: {answer}")
    return 0


def _targets(
    url: str | None, path: str | None, parameters: dict[str, Any]
) -> list[health_probe.Target]:
    if url is not None:
        return [health_probe.target_of_url(url)]
    resolved = resolve(flags=given_flags(parameters), environ=os.environ, directory=Path.cwd())
    if path is None:
        path = resolved.values.health_path or "/"
    if not path.startswith("/") or not path.isprintable() or " " in path:
        raise UsageError(f"bad value `{path}` for `--path`", hints=("write it as in `/healthz`",))
    is_tls = resolved.values.cert is not None
    return [health_probe.target_of_bind(bind, path, is_tls=is_tls) for bind in resolved.values.bind]


def _seconds(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except BadValueError as error:
        raise UsageError(
            f"bad value `{text}` for `--timeout`", cause=error.cause, hints=(error.hint,)
        ) from None
    if not 0 < seconds <= 3600:
        raise UsageError(
            f"bad value `{text}` for `--timeout`", hints=("write a duration of up to an hour",)
        )
    return seconds


class _HealthCommand(click.Command):
    """Like the others, without an application and without anything behind `--`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)


command = _HealthCommand(
    "health",
    callback=health,
    help=_HELP,
    add_help_option=False,
    params=[
        GroupedOption(["--url"], metavar="URL", help="What to ask, instead of the settings."),
        GroupedOption(
            ["--path"],
            metavar="PATH",
            help="The path to ask for at each address [default: that of `health_path`].",
        ),
        GroupedOption(
            ["--timeout"],
            metavar="DURATION",
            default="3s",
            help="How long each answer may take [default: 3s].",
        ),
        *setting_options(_SETTINGS),
        *common_options(),
    ],
)
