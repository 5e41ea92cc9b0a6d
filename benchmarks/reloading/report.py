"""`python -m benchmarks.reloading.report [FILE] [--page PAGE]`: the table, from the JSON of a run.

Without `--page` it goes to standard output; with it, into the part of the page between its two
marks. Nothing is measured here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.reloading.cases import CASES
from benchmarks.reloading.columns import UNCORK
from benchmarks.reloading.results import ReloadingRun, Result
from benchmarks.report import replaced_between_marks

LATEST = Path(__file__).parents[1] / "results" / "reloading-latest.json"
_MARKS = {True: "✓ ", False: "✗ ", None: ""}


def main() -> None:
    """Writes what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.reloading.report", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=LATEST, help="what a run wrote")
    parser.add_argument("--page", type=Path, help="the page to put it into")
    arguments = parser.parse_args()
    if not arguments.file.exists():
        sys.exit(f"error: there is no `{arguments.file}`\nhint: `make reloading` makes one")
    text = report(ReloadingRun.read(arguments.file))
    if arguments.page is None:
        print(text)
    else:
        arguments.page.write_text(replaced_between_marks(arguments.page.read_text(), text))


def report(run: ReloadingRun) -> str:
    """The conditions and the table."""
    return "\n\n".join(["## What was run", _conditions(run), "## What came of it", _table(run)])


def _conditions(run: ReloadingRun) -> str:
    facts = run.conditions
    lines = [
        f"- {facts['started']}, {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB"
        + (", a virtual machine" if facts["is_virtual"] else ""),
        f"- {facts['system']}, Linux {facts['kernel']}",
        "- " + ", ".join(f"{name} {version}" for name, version in run.versions.items()),
    ]
    return "\n".join(lines)


def _table(run: ReloadingRun) -> str:
    names = [f"**{title}**" if server == UNCORK else title for server, title in run.servers.items()]
    lines = [_line(["what happens", "what is right", *names]), _line(["---"] * (2 + len(names)))]
    for case in CASES:
        cells = [run.cell(case.key, server) for server in run.servers]
        if any(cells):
            lines.append(_line([case.title, case.right, *map(_text, cells)]))
    return "\n".join(lines)


def _text(cell: Result | None) -> str:
    if cell is None:
        return ""
    spread = ""
    if len(cell.milliseconds) > 1:
        spread = f" ({min(cell.milliseconds):.0f}–{max(cell.milliseconds):.0f})"
    return _MARKS[cell.is_right] + cell.text.replace(" ms", f" ms{spread}", 1)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    main()
