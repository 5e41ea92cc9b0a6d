"""`python -m benchmarks.run`: loads × servers × rounds, into one JSON file.

The rounds are interleaved: each load goes over all servers, and only then comes the next round,
with the servers in another order. So what changes on the machine with time hits all alike.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from benchmarks.install import failures, installed_versions
from benchmarks.loads.load import Load
from benchmarks.loads.table import LOADS
from benchmarks.measure.machine import describe_machine
from benchmarks.measure.wrk import wrk_version
from benchmarks.samples import Disqualified, Run, Sample
from benchmarks.servers.bare_loop import KEY as BARE_LOOP
from benchmarks.servers.running import APPS, Bench
from benchmarks.servers.server import SUITE_BIN, Server
from benchmarks.servers.table import all_servers
from benchmarks.versions import versions

ROOT = Path(__file__).parents[1]
LATEST = ROOT / "benchmarks" / "results" / "latest.json"
_Keyed = TypeVar("_Keyed", Load, Server)
_FRAMEWORKS = ("flask", "werkzeug")
_CALIBRATION = (
    "import time; from plain import compute; n = 200_000; best = 9e9\n"
    "for _ in range(9):\n"
    "    a = time.perf_counter(); compute(n); best = min(best, time.perf_counter() - a)\n"
    "print(round(n / best / 1000))"
)


def main() -> None:
    """Runs what the command line asks for."""
    arguments = _parser().parse_args()
    executable = arguments.uncork.absolute()
    try:
        loads = _chosen(LOADS, arguments.loads)
        servers = _chosen(all_servers(executable), arguments.servers)
        missing = _check_prerequisites(executable)
    except UsageProblem as problem:
        sys.exit(f"error: {problem}")
    server_core, load_core, *_ = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {load_core})
    bench = Bench(arguments.seconds, server_core, load_core, _calibrate(server_core))
    run = Run(_conditions(bench, arguments.rounds), _versions(executable), missing)
    present = [server for server in servers if _missing_key(server) not in missing]
    for sample in _samples(loads, present, arguments.rounds, bench):
        run.samples.append(sample)
        run.save(arguments.output)
        print(_line(sample), file=sys.stderr, flush=True)


class UsageProblem(Exception):
    """What the person at the command line has to mend first."""


def ordered_for_round(servers: Sequence[Server], round_number: int) -> list[Server]:
    """The servers shuffled, in every run alike: none keeps its place or its neighbours."""
    return random.Random(round_number).sample(servers, len(servers))


def _samples(
    loads: Sequence[Load], servers: Sequence[Server], rounds: int, bench: Bench
) -> Iterator[Sample]:
    for round_number in range(rounds):
        for load in loads:
            for server in ordered_for_round(servers, round_number):
                if server.key == BARE_LOOP and not load.is_for_bare_loop:
                    continue
                yield _sample(load, server, round_number, bench)


def _sample(load: Load, server: Server, round_number: int, bench: Bench) -> Sample:
    try:
        numbers = load.measure(server, bench)
    except Disqualified as reason:
        return Sample(load.key, server.key, round_number, failure=str(reason))
    return Sample(load.key, server.key, round_number, numbers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    default_uncork = ROOT / ".venv" / "bin" / "uncork"
    parser.add_argument("--loads", help="names with commas between; all by default")
    parser.add_argument("--servers", help="names with commas between; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load, without warm-up")
    parser.add_argument("--uncork", type=Path, default=default_uncork, help="the command to run")
    parser.add_argument("--output", type=Path, default=LATEST, help="the JSON file to write")
    return parser


def _chosen(everything: Sequence[_Keyed], names: str | None) -> list[_Keyed]:
    if names is None:
        return list(everything)
    by_key = {one.key: one for one in everything}
    if unknown := [name for name in names.split(",") if name not in by_key]:
        raise UsageProblem(f"there is no `{unknown[0]}`\nhint: choose from {', '.join(by_key)}")
    return [by_key[name] for name in names.split(",")]


def _check_prerequisites(executable: Path) -> dict[str, str]:
    """Returns what is missing without being fatal."""
    if len(os.sched_getaffinity(0)) < 2:
        raise UsageProblem("two cores are needed: one for the server, one for the load")
    if wrk_version() is None:
        raise UsageProblem("wrk was not found\nhint: `apt-get install wrk`")
    if not executable.exists():
        raise UsageProblem(f"there is no `{executable}`\nhint: `make bench` builds it")
    try:
        missing = failures()
    except FileNotFoundError as error:
        raise UsageProblem("no peer is installed\nhint: `python -m benchmarks.install`") from error
    ours = installed_versions(executable.parent / "python")
    theirs = installed_versions(SUITE_BIN / "python")
    for name in _FRAMEWORKS:
        if ours.get(name) != theirs.get(name):
            raise UsageProblem(
                f"uncork has {name} {ours.get(name)}, the peers have {theirs.get(name)}\n"
                "hint: install the same version into both environments"
            )
    return missing


def _missing_key(server: Server) -> str:
    return server.distribution or server.key


def _calibrate(core: int) -> int:
    """How many steps of `compute` take a millisecond on the server's core."""
    command = ["taskset", "--cpu-list", str(core), str(SUITE_BIN / "python"), "-c", _CALIBRATION]
    done = subprocess.run(command, cwd=APPS, capture_output=True, text=True, check=True)
    return int(done.stdout)


def _conditions(bench: Bench, rounds: int) -> dict[str, object]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"started": started, "rounds": rounds} | asdict(bench) | describe_machine()


def _versions(executable: Path) -> dict[str, str]:
    return versions(executable) | {"wrk": wrk_version() or ""}


def _line(sample: Sample) -> str:
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in sample.numbers.items())
    text = f"disqualified: {sample.failure}" if sample.failure else numbers
    return f"{sample.round + 1} {sample.load:16} {sample.server:16} {text}"


if __name__ == "__main__":
    main()
