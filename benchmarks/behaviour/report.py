"""`python -m benchmarks.behaviour.report [FILE] [--page PAGE]`: the tables, from the JSON of a run.

Without `--page` they go to standard output; with it, into the part of the page between its two
marks. Nothing is asked here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.behaviour.probe import Probe
from benchmarks.behaviour.probes import GROUPS, PROBES
from benchmarks.behaviour.results import BehaviourRun
from benchmarks.report import replaced_between_marks
from benchmarks.servers.uncork import KEY as UNCORK

LATEST = Path(__file__).parents[1] / "results" / "behaviour-latest.json"
_UNEQUAL = (
    "The rows do not weigh the same, and some faults stand in several of them: look at those that "
    "concern your application before you compare sums."
)
_MARKS = {True: "✓ ", False: "✗ ", None: "– "}


def main() -> None:
    """Writes what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.behaviour.report", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=LATEST, help="what a run wrote")
    parser.add_argument("--page", type=Path, help="the page to put it into")
    arguments = parser.parse_args()
    if not arguments.file.exists():
        sys.exit(f"error: there is no `{arguments.file}`\nhint: `make behaviour` makes one")
    text = report(BehaviourRun.read(arguments.file))
    if arguments.page is None:
        print(text)
    else:
        arguments.page.write_text(replaced_between_marks(arguments.page.read_text(), text))


def report(run: BehaviourRun) -> str:
    """The conditions, the sums, and one table for each group of which there are results."""
    asked = {result.probe for result in run.results}
    parts = ["## What was run", _conditions(run), "## How many are right", _UNEQUAL, _sums(run)]
    for group in GROUPS:
        probes = [probe for probe in group.probes if probe.key in asked]
        if probes:
            parts += [f"## {group.title}", group.text, _table(run, probes)]
    return "\n\n".join(part for part in parts if part)


def _conditions(run: BehaviourRun) -> str:
    facts = run.conditions
    lines = [
        f"- {facts['started']}, {facts['threads']} threads for each server that has such a setting",
        f"- {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB"
        + (", a virtual machine" if facts["is_virtual"] else ""),
        f"- {facts['system']}, Linux {facts['kernel']}",
        "- " + ", ".join(f"{name} {version}" for name, version in run.versions.items()),
    ]
    lines += [f"- not asked: {name}: {reason}" for name, reason in run.missing.items()]
    return "\n".join(lines)


def _sums(run: BehaviourRun) -> str:
    lines = _head(["server", "right", "wrong", "not offered"], "---:")
    for server, title in run.servers.items():
        grades = [result.is_right for result in run.results if result.server == server]
        counts = [str(grades.count(grade)) for grade in (True, False, None)]
        lines.append(_line([_name(server, title), *counts]))
    return "\n".join(lines)


def _table(run: BehaviourRun, probes: Iterable[Probe]) -> str:
    names = [_name(server, title) for server, title in run.servers.items()]
    lines = _head(["what happens", "what is right", *names], "---")
    for probe in probes:
        cells = (run.cell(probe.key, server) for server in run.servers)
        texts = [_MARKS[cell.is_right] + cell.text if cell else "" for cell in cells]
        lines.append(_line([probe.title, probe.right, *texts]))
    return "\n".join(lines)


def _name(server: str, title: str) -> str:
    return f"**{title}**" if server == UNCORK else title


def _head(headings: list[str], alignment: str) -> list[str]:
    return [_line(headings), _line(["---", *[alignment] * (len(headings) - 1)])]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def unknown_probes(run: BehaviourRun) -> set[str]:
    """The probes of which only one side knows: those of the run, and those that there are."""
    return {result.probe for result in run.results} ^ {probe.key for probe in PROBES}


if __name__ == "__main__":
    main()
