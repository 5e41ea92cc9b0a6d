"""`uncork trust`: how to make this system and its browsers believe the local authority."""

from __future__ import annotations

import json
from typing import Any

import click

from uncork import console
from uncork.cli.commands import GroupedOption, common_options, write_options
from uncork.errors import EnvironmentProblem, UsageError

_HELP = """\
Say how to make browsers believe the local authority.

On the desk, HTTPS is served with a certificate of an authority that is yours alone: it lies in
your data folder, and is made once. This command prints where it is, its fingerprint, and what to
run; it changes nothing itself, but makes the authority when there is none.

\b
  uncork trust
  curl --cacert "$(uncork trust --path)" https://localhost:5000/
"""


def trust(*, only_path: bool, as_json: bool) -> None:
    """Prints what there is to know of the authority."""
    if only_path and as_json:
        raise UsageError("`--path` and `--json` don't go together", hints=("write one of them",))
    from uncork.cli.trust_text import described, facts_of  # noqa: PLC0415 (hashlib, platform)
    from uncork.supervisor.local_authority import (  # noqa: PLC0415 (only here)
        UnusableFolderError,
        kept_authority,
    )

    try:
        authority = kept_authority()
    except UnusableFolderError as problem:
        raise EnvironmentProblem(
            "there is no place to keep a local authority in",
            cause=str(problem),
            hints=("set `XDG_DATA_HOME` to a folder of your own that lasts",),
        ) from None
    if only_path:
        console.out(str(authority.path))
        return
    facts = facts_of(authority)
    console.out(json.dumps(facts, indent=2) if as_json else described(facts))


class _TrustCommand(click.Command):
    """Like the others, without an application and without anything behind `--`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)


def _flag(name: str, field: str, text: str) -> Any:
    return GroupedOption([name, field], is_flag=True, help=text)


command = _TrustCommand(
    "trust",
    callback=trust,
    help=_HELP,
    add_help_option=False,
    params=[
        _flag("--path", "only_path", "Print the path of the authority's certificate only."),
        _flag("--json", "as_json", "Print it as JSON."),
        *common_options(),
    ],
)
