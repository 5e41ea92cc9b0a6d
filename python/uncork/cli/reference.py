"""The reference pages, made from the declarations.

`python -m uncork.cli.reference docs/reference` writes them; a test fails when one is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from uncork import cli, console
from uncork.cli.commands import GroupedOption, Invocation
from uncork.cli.setting_flags import switch_flags
from uncork.errors import (
    AppError,
    EnvironmentProblem,
    InternalError,
    UncorkError,
    UsageError,
)
from uncork.settings import Declaration, declarations, dev_declarations
from uncork.settings.kinds import Switch
from uncork.supervisor.admin.metrics import all_metrics

_MADE_FROM = "<!-- Made by `make docs`: change the declarations, not this page. -->"

_SETTINGS_HEAD = """\
# Settings

Every setting can be given as a flag of `uncork serve`, as an environment variable, or as a
key in a file. The first of these that has a value wins:

1. the flag, such as `--threads 8`
2. the variable, such as `UNCORK_THREADS=8`; then the names that other tools have for it
3. the same variables in the nearest `.env`, then in the nearest `.flaskenv`
4. the key, such as `threads = 8`, in the nearest `uncork.toml`, or in the table
   `[tool.uncork]` of the nearest `pyproject.toml` that has one
5. the default

"Nearest" means in the working directory, else in its parent, and so on upwards. In one and
the same folder, `uncork.toml` comes before `pyproject.toml`. `--config FILE` names the file
instead. `uncork serve --show-settings` shows every value and where it comes from.

What `.env` and `.flaskenv` set is in the application's environment too, except for what the
environment has already; `FLASK_SKIP_DOTENV=1` leaves both files alone. A variable that is
empty counts as not set. An unknown flag, variable `UNCORK_…` or key is an error, and so is a
value that cannot be read.

Relative paths in a settings file begin at the file's own folder, all others at the working
directory. The application is always looked for in the working directory.

**Durations** are written with units, as in `30s`, `1m30s`, `2h`, `1d` or `500ms`; a number
alone is seconds. **Sizes** are written with units, as in `64KiB`, `16MiB`, `1GiB` (powers of
1024), `64kB`, `10MB`, `1GB` (powers of 1000) or `512B`; a number alone is bytes.
"""

_DEV_SETTINGS_HEAD = """\
## Development

These are for `uncork dev` alone, which takes nothing else of the above than what names the
application. In a file they stand in the table `[tool.uncork.dev]`, or `[dev]` of `uncork.toml`.
"""

_CLI_HEAD = """\
# Commands

Every command finds the application in the same way: the argument, then `--app`, `--call`,
`UNCORK_APP`, `FLASK_APP`, `app` in the [settings](settings.md) file, and last the usual file
names. What stands after `--` is for the application's script.

Data is printed to stdout, everything else to stderr. Colour is used on a terminal only, and
never when `NO_COLOR` is set.
"""

_METRICS_HEAD = """\
# Metrics

`GET /metrics` on the [`admin`](settings.md#admin) listener answers with these, for all workers
together: in OpenMetrics text (`application/openmetrics-text`), or in the older format of
Prometheus if `Accept` prefers `text/plain`.

Counters and histograms never go backwards while the server runs: what a worker has counted stays
counted when it is reloaded, recycled or killed. Requests to the admin listener itself are not in
them. What the system does not tell, such as memory outside of Linux, has no sample.

The samples of a counter have the suffix `_total`, those of an info `_info`, and a histogram has
`_bucket`, `_count` and `_sum`.
"""

_EXIT_CODES_HEAD = """\
# Exit codes

| code | meaning |
|---|---|
| 0 | the command did what it was asked to; `uncork serve` was asked to stop and has stopped |
"""

_EXIT_CODES_TAIL = f"""\
| {cli.INTERRUPTED} | the command was interrupted with Ctrl+C before it served |

With systemd, `RestartPreventExitStatus=2` keeps a service with a wrong setting from being
started again and again.
"""


def pages() -> dict[str, str]:
    """The text of every page, by its file name."""
    return {
        "settings.md": settings_page(),
        "cli.md": cli_page(),
        "exit-codes.md": exit_codes_page(),
        "metrics.md": metrics_page(),
    }


def settings_page() -> str:
    """Every setting under the heading of its group."""
    parts = [_MADE_FROM, _SETTINGS_HEAD.rstrip()]
    group = None
    for declaration in declarations():
        if declaration.group != group:
            group = declaration.group
            parts.append(f"## {group}")
        parts.append(_setting(declaration))
    parts.append(_DEV_SETTINGS_HEAD.rstrip())
    parts += map(_setting, dev_declarations())
    return _page(parts)


def cli_page() -> str:
    """The help of every command."""
    group = cli.command_group()
    context = click.Context(group, info_name="uncork", obj=Invocation(), terminal_width=100)
    parts = [_MADE_FROM, _CLI_HEAD.rstrip(), _command("uncork", group, context)]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, parent=context, info_name=name)
        parts.append(_command(f"uncork {name}", command, inner))
    return _page(parts)


def exit_codes_page() -> str:
    """Every exit code, each from its type of error."""
    types: Iterable[type[UncorkError]] = (InternalError, UsageError, AppError, EnvironmentProblem)
    rows = [f"| {each.exit_code} | {_first_sentence(each)} |" for each in types]
    table = _EXIT_CODES_HEAD + "\n".join(rows) + "\n" + _EXIT_CODES_TAIL
    return _page([_MADE_FROM, table.rstrip()])


def metrics_page() -> str:
    """Every metric, in the order of the answer."""
    rows = [
        f"| `{metric.name}` | {metric.type.value} | "
        f"{', '.join(f'`{label}`' for label in metric.labels)} | {metric.text} |"
        for metric in all_metrics()
    ]
    table = "\n".join(["| metric | type | labels | |", "|---|---|---|---|", *rows])
    return _page([_MADE_FROM, _METRICS_HEAD.rstrip(), table])


def write(folder: Path) -> None:
    """Writes every page into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def _setting(declaration: Declaration) -> str:
    flag = f"`{declaration.flag} {declaration.kind.metavar}`"
    if declaration.short_flag:
        flag = f"`{declaration.short_flag}`, {flag}"
    if declaration.is_repeatable:
        flag += ", may be repeated"
    variables = ", ".join(f"`{name}`" for name in (declaration.variable, *declaration.also))
    if isinstance(declaration.kind, Switch):
        flag = ", ".join(f"`{name}`" for name in switch_flags(declaration))
    lines = [f"- flag: {flag}", f"- variable: {variables}"]
    if declaration.is_in_files:
        lines.append(f"- key: `{declaration.name}`")
    lines.append(f"- value: {declaration.kind.form}")
    lines.append(f"- default: {_default(declaration)}")
    name = ".".join(filter(None, (declaration.table, declaration.name)))
    return f"### `{name}`\n\n{declaration.paragraph}\n\n" + "\n".join(lines)


def _default(declaration: Declaration) -> str:
    shown = declaration.kind.show(declaration.default)
    return "none" if shown == "none" else f"`{shown}`"


def _command(name: str, command: click.Command, context: click.Context) -> str:
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = (command.help or "").replace("\b\n", "").strip()
    parts = [f"## `{name}`", f"```\n{usage}\n```", _as_markdown(text)]
    rows = [
        f"| `{names}` | {summary} |"
        for option in command.get_params(context)
        if isinstance(option, GroupedOption)
        for names, summary in [option.get_help_record(context) or ("", "")]
    ]
    return "\n\n".join([*parts, "\n".join(["| flag | |", "|---|---|", *rows])])


def _as_markdown(help_text: str) -> str:
    # In the help, two spaces set an example off; here, four do.
    return "\n".join(
        "  " + line if line.startswith("  ") else line for line in help_text.split("\n")
    )


def _first_sentence(error_type: type[UncorkError]) -> str:
    sentence = (error_type.__doc__ or "").split("\n", 1)[0].removesuffix(".")
    return sentence[:1].lower() + sentence[1:]


def _page(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    console.say(f"wrote {', '.join(pages())} to {sys.argv[1]}")
