"""Asks every probe of every server, each time of one that was started for it alone.

So no probe finds what another one left behind, and a server that dies has died of this one. A
wrong verdict is asked for once more: what stands in the table was so twice, or both are shown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product

from benchmarks.behaviour.client import Client
from benchmarks.behaviour.probe import Probe, Verdict, wrong
from benchmarks.behaviour.results import Result
from benchmarks.samples import Disqualified
from benchmarks.servers.running import LISTEN_SECONDS, Bench, RunningServer
from benchmarks.servers.server import Server

APP = "probed:app"
DIES = "the server dies"
DOES_NOT_START = "the server does not start"


def results(
    probes: Sequence[Probe], servers: Sequence[Server], bench: Bench, jobs: int
) -> Iterator[Result]:
    """The verdicts, row by row.

    Args:
        probes: The rows.
        servers: The columns.
        bench: Where the servers run.
        jobs: How many servers are asked at the same time; a probe mostly waits.
    """
    pairs = list(product(probes, servers))
    with ThreadPoolExecutor(jobs) as pool:
        verdicts = pool.map(lambda pair: _verdict(pair[0], pair[1], bench), pairs)
        for (probe, server), verdict in zip(pairs, verdicts, strict=True):
            yield Result(probe.key, server.key, verdict.text, verdict.is_right)


def _verdict(probe: Probe, server: Server, bench: Bench) -> Verdict:
    first = _ask(probe, server, bench)
    if first.is_right is not False:
        return first
    second = _ask(probe, server, bench)
    return first if first.text == second.text else wrong(f"{first.text}; again: {second.text}")


class _Wrong(Exception):
    """Tells the running server, too, that something went wrong: it may be about to die."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict


def _ask(probe: Probe, server: Server, bench: Bench) -> Verdict:
    is_serving = False
    try:
        with RunningServer(server, APP, bench) as running:
            _wait_until_serving(running.port)
            is_serving = True
            verdict = probe.ask(running.port)
            if verdict.is_right is False:
                raise _Wrong(verdict)
            return verdict
    except _Wrong as reason:
        return reason.verdict
    except Disqualified:
        return wrong(DIES if is_serving else DOES_NOT_START)
    except OSError:
        return wrong("no connection")


def _wait_until_serving(port: int) -> None:
    deadline = time.monotonic() + LISTEN_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), Client(port) as client:
            if client.get("/fine").is_fine:
                return
        time.sleep(0.05)
    raise Disqualified("it does not serve")
