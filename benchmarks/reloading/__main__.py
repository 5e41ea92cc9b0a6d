"""`python -m benchmarks.reloading`: does every case to every development server.

The results go into a JSON file, from which `benchmarks.reloading.report` makes the table again.
What measures time runs alone; the other cases run beside each other, as most of them wait.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TypeVar

from benchmarks.install import WATCHDOG, WATCHDOG_6, installed_versions
from benchmarks.measure.machine import describe_machine
from benchmarks.reloading.cases import CASES, Case, ask
from benchmarks.reloading.columns import Column, columns
from benchmarks.reloading.report import LATEST, report
from benchmarks.reloading.results import ReloadingRun, Result
from benchmarks.servers.server import SUITE_BIN
from benchmarks.versions import version_of_uncork

_UNCORK = Path(__file__).parents[2] / ".venv" / "bin" / "uncork"
_NAMES = ("flask", "werkzeug", "gunicorn", "granian", "watchfiles")
_Keyed = TypeVar("_Keyed", Case, Column)


def main() -> None:
    """Runs what the command line asks for."""
    arguments = _parser().parse_args()
    executable = arguments.uncork.absolute()
    if not executable.exists():
        sys.exit(f"error: there is no `{executable}`\nhint: `make reloading` builds it")
    if not WATCHDOG.exists():
        sys.exit("error: no peer is installed\nhint: `python -m benchmarks.install`")
    cases = _chosen(CASES, arguments.cases)
    chosen = _chosen(columns(executable), arguments.servers)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    run = ReloadingRun(
        {"started": started} | describe_machine(),
        _versions(executable),
        {column.key: column.title for column in chosen},
    )
    if arguments.keep and arguments.output.exists():
        asked = set(product([case.key for case in cases], run.servers))
        before = ReloadingRun.read(arguments.output)
        run.results += [r for r in before.results if (r.case, r.server) not in asked]
        run.servers = before.servers | run.servers
    begun = time.monotonic()
    for result in _results(cases, chosen, arguments.jobs):
        run.results.append(result)
        run.save(arguments.output)
        mark = {True: "right", False: "WRONG", None: "-"}[result.is_right]
        line = f"{result.case:18} {result.server:16} {mark:6} {result.text}"
        print(line, file=sys.stderr, flush=True)
    print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
    print(report(run))


def _results(cases: Sequence[Case], chosen: Sequence[Column], jobs: int) -> Iterator[Result]:
    for case, column in product([case for case in cases if case.is_alone], chosen):
        yield _result(case, column)
    with ThreadPoolExecutor(jobs) as pool:
        pairs = product([case for case in cases if not case.is_alone], chosen)
        yield from pool.map(lambda pair: _result(*pair), pairs)


def _result(case: Case, column: Column) -> Result:
    verdict = ask(case, column)
    rounded = [round(each, 1) for each in verdict.milliseconds]
    return Result(case.key, column.key, verdict.text, verdict.is_right, rounded)


def _versions(executable: Path) -> dict[str, str]:
    installed = installed_versions(SUITE_BIN / "python")
    found = {"uncork": version_of_uncork(executable)}
    found |= {name: installed[name] for name in _NAMES if name in installed}
    return found | {"watchdog": " and ".join(map(_watchdog_in, (WATCHDOG_6, WATCHDOG)))}


def _watchdog_in(folder: Path) -> str:
    names = [each.name for each in folder.glob("watchdog-*.dist-info")]
    return names[0].removeprefix("watchdog-").removesuffix(".dist-info") if names else "(none)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.reloading", description=__doc__)
    parser.add_argument("--cases", help="names with commas between; all by default")
    parser.add_argument("--servers", help="names with commas between; all by default")
    parser.add_argument("--jobs", type=int, default=3, help="servers at once; default: %(default)s")
    parser.add_argument("--keep", action="store_true", help="keep the other cells of the file")
    parser.add_argument("--uncork", type=Path, default=_UNCORK, help="the command to run")
    parser.add_argument("--output", type=Path, default=LATEST, help="the JSON file to write")
    return parser


def _chosen(everything: Sequence[_Keyed], names: str | None) -> list[_Keyed]:
    by_key = {one.key: one for one in everything}
    chosen = list(by_key) if names is None else names.split(",")
    if unknown := [name for name in chosen if name not in by_key]:
        sys.exit(f"error: there is no `{unknown[0]}`\nhint: choose from {', '.join(by_key)}")
    return [by_key[name] for name in chosen]


if __name__ == "__main__":
    main()
