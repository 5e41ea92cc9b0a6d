"""`python -m benchmarks.behaviour`: asks every probe of every server, and prints the tables.

The verdicts go into a JSON file as well, from which `benchmarks.behaviour.report` makes the
tables again.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from benchmarks.behaviour.probe import THREADS, Probe
from benchmarks.behaviour.probes import PROBES
from benchmarks.behaviour.report import LATEST, report
from benchmarks.behaviour.results import BehaviourRun
from benchmarks.behaviour.run import results
from benchmarks.behaviour.servers import probed_servers
from benchmarks.install import failures
from benchmarks.measure.machine import describe_machine
from benchmarks.servers.running import Bench
from benchmarks.servers.server import Server
from benchmarks.versions import versions

_UNCORK = Path(__file__).parents[2] / ".venv" / "bin" / "uncork"
_Keyed = TypeVar("_Keyed", Probe, Server)


def main() -> None:
    """Runs what the command line asks for."""
    arguments = _parser().parse_args()
    executable = arguments.uncork.absolute()
    if not executable.exists():
        sys.exit(f"error: there is no `{executable}`\nhint: `make behaviour` builds it")
    probes = _chosen(PROBES, arguments.probes)
    servers = _chosen(probed_servers(executable), arguments.servers)
    try:
        missing = failures()
    except FileNotFoundError:
        sys.exit("error: no peer is installed\nhint: `python -m benchmarks.install`")
    present = [server for server in servers if server.distribution not in missing]
    first_core, *_, last_core = sorted(os.sched_getaffinity(0)) * 2
    bench = Bench(0, first_core, last_core, 1)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    conditions = {"started": started, "threads": THREADS} | describe_machine()
    titles = {server.key: server.title for server in present}
    run = BehaviourRun(conditions, versions(executable), missing, titles)
    for result in results(probes, present, bench, arguments.jobs):
        run.results.append(result)
        run.save(arguments.output)
        mark = {True: "right", False: "WRONG", None: "-"}[result.is_right]
        line = f"{result.probe:22} {result.server:12} {mark:6} {result.text}"
        print(line, file=sys.stderr, flush=True)
    print(report(run))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.behaviour", description=__doc__)
    parser.add_argument("--probes", help="names with commas between; all by default")
    parser.add_argument("--servers", help="names with commas between; all by default")
    parser.add_argument("--jobs", type=int, default=4, help="servers at once; default: %(default)s")
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
