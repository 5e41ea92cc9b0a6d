"""`python -m benchmarks.report [FILE] [--page PAGE]`: Markdown from the JSON of a run.

Without `--page` it goes to standard output; with it, into the part of the page between the two
marks. Nothing is measured here, so a report can be made again from old results.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.bars import BARS, Verdict, judge
from benchmarks.loads.load import Load
from benchmarks.loads.table import LOADS
from benchmarks.metrics import METRICS
from benchmarks.run import LATEST
from benchmarks.samples import Run
from benchmarks.servers.table import titles
from benchmarks.servers.uncork import KEY as UNCORK
from benchmarks.table import LoadTable, Spread, tables

BEGIN = "<!-- results: begin -->"
END = "<!-- results: end -->"
_BUSY_WITH_OTHERS = 0.1  # of a core
_BUSY_GENERATOR = 0.95


def main() -> None:
    """Writes the report that the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=LATEST, help="what `run` wrote")
    parser.add_argument("--page", type=Path, help="the page to put it into")
    arguments = parser.parse_args()
    if not arguments.file.exists():
        sys.exit(f"error: there is no `{arguments.file}`\nhint: `make bench` makes one")
    text = report(Run.read(arguments.file))
    if arguments.page is None:
        print(text)
    else:
        arguments.page.write_text(replaced_between_marks(arguments.page.read_text(), text))


def report(run: Run) -> str:
    """The whole report."""
    by_load = tables(run.samples)
    parts = [_warnings(run), "## What was run", _conditions(run), "## The bars"]
    parts.append(_bars(judge(bar, by_load) for bar in BARS))
    parts += ["## The loads", _legend(run)]
    for load in LOADS:
        if load.key in by_load:
            parts.append(f"### {load.title}")
            parts.append(load_section(load, by_load[load.key]))
    return "\n\n".join(part for part in parts if part)


def replaced_between_marks(page: str, text: str) -> str:
    """The page with its part between the marks replaced.

    Raises:
        ValueError: The page has not exactly one pair of marks.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page needs one `{BEGIN}` and one `{END}`")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def load_section(load: Load, table: LoadTable) -> str:
    """The rows of one load, and who was disqualified."""
    names = titles()
    shown = set().union(*table.rows.values())
    columns = [column for column in load.columns if column in shown]
    lines = []
    if columns:
        lines += _table_head(["server", *(METRICS[column].heading for column in columns)])
    for server in table.ordered(columns[0]) if columns else ():
        row = table.rows[server]
        name = f"**{names[server]}**" if server == UNCORK else names[server]
        if "generator_busy" in row and row["generator_busy"].median > _BUSY_GENERATOR:
            name += " †"
        if table.starves(server):
            name += " ‡"
        cells = [show(column, row[column]) if column in row else "" for column in columns]
        lines.append(_line([name, *cells]))
    if table.failures:
        lines += ["", "Disqualified:", ""]
        lines += [f"- {names[server]}: {why}" for server, why in sorted(table.failures.items())]
    return "\n".join(lines).strip()


def show(metric: str, spread: Spread) -> str:
    """A median with its spread, or the median alone if there was no spread."""
    write = METRICS[metric].show
    median, least, greatest = write(spread.median), write(spread.least), write(spread.greatest)
    return median if least == greatest else f"{median} ({least}–{greatest})"


def _bars(verdicts: Iterable[Verdict]) -> str:
    names = {load.key: load.title for load in LOADS}
    lines = _table_head(["load", "what", "limit", "measured", "verdict", "from"])
    for verdict in verdicts:
        bar, reading = verdict.bar, verdict.reading
        limit = f"{'≤' if bar.is_at_most else '≥'} {bar.limit:,g}"
        measured = "" if reading is None else f"{reading.value:,.2f}"
        word = {True: "pass", False: "**fail**", None: "not judged"}[verdict.is_passed]
        origin = verdict.reason if reading is None else reading.origin
        lines.append(_line([names[bar.load], bar.text, limit, measured, word, origin]))
    return "\n".join(lines)


def _conditions(run: Run) -> str:
    facts = run.conditions
    lines = [
        f"- {facts['started']}, {facts['rounds']} rounds, {facts['seconds']:g} s for each load",
        f"- {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB"
        + (", a virtual machine" if facts["is_virtual"] else ""),
        f"- {facts['system']}, Linux {facts['kernel']}",
        "- " + ", ".join(f"{name} {version}" for name, version in run.versions.items()),
    ]
    lines += [f"- not measured: {name}: {reason}" for name, reason in run.missing.items()]
    return "\n".join(lines)


def _warnings(run: Run) -> str:
    lines = list(_warning_lines(run))
    return "\n".join(f"> {line}" for line in lines)


def _warning_lines(run: Run) -> Iterator[str]:
    if run.conditions["rounds"] < 3:
        yield "**Too few rounds** for a conclusion: three at the least."
    shares = [sample.numbers.get("foreign_busy", 0.0) for sample in run.samples]
    if disturbed := sum(share > _BUSY_WITH_OTHERS for share in shares):
        yield (
            f"**The machine was busy with something else** in {disturbed} of {len(shares)} "
            "samples: no conclusion from these."
        )


def _legend(run: Run) -> str:
    text = "Medians; in brackets the least and the greatest of the rounds. The best stands first."
    busy = (sample.numbers.get("generator_busy", 0.0) for sample in run.samples)
    if any(share > _BUSY_GENERATOR for share in busy):
        text += " † The load generator was the limit: look at the CPU time, not at the requests/s."
    if any(sample.numbers.get("starved") for sample in run.samples):
        text += (
            " ‡ New connections were not served while the load ran: fewer shared the server than "
            "the load has, so it is no reference for the bars."
        )
    return text


def _table_head(headings: list[str]) -> list[str]:
    return [_line(headings), _line(["---"] + ["---:"] * (len(headings) - 1))]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    main()
