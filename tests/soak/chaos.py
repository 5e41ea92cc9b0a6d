"""Load on a Flask app while its workers are killed, stopped, reloaded, scaled and starved.

`make chaos` runs it for ten minutes; a test for some seconds. No answer may be wrong, no connection
stuck, no connection refused; and for each request that failed, the server's own log must say why.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import APPS
from tests.soak.storm_clients import Failure, Seen, StormClients
from tests.support.live_server import LiveServer
from tests.support.processes import count_descriptors, memory_bytes

_CLIENTS = 16
_BROKEN = ("raise RuntimeError('broken on purpose')\n", "app = (\n", "import os\nos._exit(9)\n")
_SETTINGS = (
    "--max-rss=120MiB",
    "--heartbeat-timeout=4s",
    "--request-timeout=15s",
    "--access-log=access.log",
    "--access-log-format=json",
)
# A connection that ends with its worker may be noticed a little later by a busy client.
_NOTICED_SECONDS = 5.0
_SHORTAGE_SECONDS = 1.5
# What the server answers by itself, without the app.
_OWN_REFUSALS = (503, 504, 507)
_REST_SECONDS = 0.7


@dataclass
class Storm:
    """What was done to the server, and when."""

    server: LiveServer
    app: Path
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    at: dict[int, float] = field(default_factory=dict)

    def kill(self) -> None:
        """Kills a worker by a signal that it can't hear, or that is a crash."""
        number = self.chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV))
        self._signal(number)

    def halt(self) -> None:
        """Stops a worker for a moment."""
        pid = self._signal(signal.SIGSTOP)
        time.sleep(_SHORTAGE_SECONDS)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def freeze(self) -> None:
        """Stops a worker for good: the supervisor has to notice."""
        self._signal(signal.SIGSTOP)
        time.sleep(2 * _SHORTAGE_SECONDS)

    def reload(self) -> None:
        """Reloads code that is right."""
        self._reload("reloaded: generation")

    def reload_broken(self) -> None:
        """Reloads code that is not, and mends it."""
        good = self.app.read_text()
        self.app.write_text(self.chance.choice(_BROKEN) + good)
        try:
            self._reload("the reload failed")
        finally:
            self.app.write_text(good)

    def scale_up(self) -> None:
        """One worker more."""
        self.server.send_signal(signal.SIGTTIN)

    def scale_down(self) -> None:
        """One worker fewer."""
        self.server.send_signal(signal.SIGTTOU)

    def starve_of_descriptors(self) -> None:
        """No further descriptor for a worker, for a moment."""
        self._starve(resource.RLIMIT_NOFILE, _open_descriptors)

    def starve_of_memory(self) -> None:
        """Hardly any further memory for a worker, for a moment."""
        page = resource.getpagesize()
        self._starve(
            resource.RLIMIT_AS,
            lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * page + (1 << 20),
        )

    def _signal(self, number: signal.Signals) -> int:
        pid = self.chance.choice(self.server.worker_pids)
        self.at[pid] = time.monotonic()
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return pid

    def _reload(self, outcome: str) -> None:
        before = self.server.log().count(outcome)
        self.server.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20.0
        while self.server.log().count(outcome) == before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.server.log().count(outcome) > before, f"no {outcome!r}"

    def _starve(self, limit: int, enough: Callable[[int], int]) -> None:
        pid = self.chance.choice(self.server.worker_pids)
        self.at[pid] = time.monotonic()
        with suppress(OSError):
            before = resource.prlimit(pid, limit)
            resource.prlimit(pid, limit, (enough(pid), before[1]))
            time.sleep(_SHORTAGE_SECONDS)
            resource.prlimit(pid, limit, before)


def _open_descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


# How often each is done, among all.
_DEEDS: Sequence[tuple[int, Callable[[Storm], None]]] = (
    (6, Storm.kill),
    (2, Storm.halt),
    (1, Storm.freeze),
    (3, Storm.reload),
    (2, Storm.reload_broken),
    (2, Storm.scale_up),
    (2, Storm.scale_down),
    (2, Storm.starve_of_descriptors),
    (2, Storm.starve_of_memory),
)


@dataclass(frozen=True)
class Logs:
    """What the server has written."""

    server: str
    access: list[dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        unexplained: What failed without a word in the log.
        log: The server's.
    """

    seen: Seen
    done: Counter[str]
    unexplained: list[str]
    log: str
    memory_bytes: int
    descriptors: int

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong, stuck, refused or unexplained."""
        seen = self.seen
        return not (seen.wrong or seen.stuck or seen.refused or self.unexplained)

    def __str__(self) -> str:
        seen = self.seen
        lines = [
            f"{seen.answered} requests answered rightly by {len(seen.workers)} processes",
            f"{len(seen.wrong)} wrong, {len(seen.stuck)} stuck, {len(seen.refused)} refused",
            f"{len(seen.failures)} broken off, {dict(Counter(seen.errors.values()))} errors, "
            f"{len(self.unexplained)} of them unexplained",
            "done: " + ", ".join(f"{count} {name}" for name, count in sorted(self.done.items())),
            f"at the end {self.memory_bytes >> 20} MiB, {self.descriptors} descriptors",
            *seen.wrong[:10],
            *seen.stuck[:10],
            *seen.refused[:10],
            *self.unexplained[:20],
        ]
        return "\n".join(lines)


def storm(seconds: float, *, seed: int = 1, directory: Path) -> Outcome:
    """Does what it can to a server for `seconds`; `directory` is to have the app."""
    app = directory / "stormy.py"
    shutil.copy(APPS / "stormy.py", app)
    with LiveServer("stormy:app", *_SETTINGS, directory=directory, workers=3) as server:
        did = Storm(server, app, random.Random(seed))
        with StormClients(server, _CLIENTS) as seen:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                (deed,) = did.chance.choices(
                    [deed for _, deed in _DEEDS], [often for often, _ in _DEEDS]
                )
                deed(did)
                did.done[deed.__name__] += 1
                time.sleep(_REST_SECONDS)
        memory, descriptors = memory_bytes(server), count_descriptors(server)
        server.stop()
        logs = Logs(server.log(), _lines(directory / "access.log"))
    unexplained = _unexplained(seen, did, logs)
    return Outcome(seen, did.done, unexplained, logs.server, memory, descriptors)


def _lines(access_log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in access_log.read_text().splitlines()]


def _unexplained(seen: Seen, did: Storm, logs: Logs) -> list[str]:
    """What the logs say nothing about.

    A request that was answered with an error has its id there, with the traceback or, where the
    server itself has refused it, in the access log. One that was inside the app of a worker which
    died is named by its client's port. Of a connection that broke between two requests, or before
    its request was whole, it is said how many there were; the client knows the worker by its last
    answer.
    """
    dead = {
        int(pid) for pid in re.findall(r"process (\d+)\) (?:was killed|ended with)", logs.server)
    }
    named = {int(port) for port in re.findall(r"^lost with .* of [^ ]*:(\d+),", logs.server, re.M)}
    spare = Counter[float]()
    for pid, count in re.findall(r"process (\d+)\) was killed.*?(\d+) connections?", logs.server):
        if int(pid) in did.at:
            spare[did.at[int(pid)]] += int(count)
    refused = {line["request_id"] for line in logs.access if line["status"] in _OWN_REFUSALS}
    found = [
        f"{id}: {status}"
        for id, status in seen.errors.items()
        if id not in (refused if status in _OWN_REFUSALS else logs.server)
    ]
    for failure in seen.failures:
        if failure.port in named or failure.worker in dead:
            continue
        moment = _moment_before(failure, spare)
        if moment is None:
            found.append(f"{failure}")
        else:
            spare[moment] -= 1
    return found


def _moment_before(failure: Failure, spare: Counter[float]) -> float | None:
    """The death that may have taken a connection of which nothing else is known."""
    near = (at for at, left in spare.items() if left and 0 <= failure.at - at < _NOTICED_SECONDS)
    return max(near, default=None)


def main() -> None:
    """Runs it for as long as was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="where to write the server's log")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = storm(asked.seconds, seed=asked.seed, directory=Path(folder))
    if asked.log is not None:
        asked.log.write_text(outcome.log)
    print(outcome)
    sys.exit(0 if outcome.is_good else 1)


if __name__ == "__main__":
    main()
