"""Makes the families of `/metrics` of one look at the server; knows no process and no clock."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from uncork.supervisor.admin.exposition import Family, Values
from uncork.supervisor.admin.metrics import METRICS, Metric
from uncork.supervisor.memory import Memory
from uncork.supervisor.scoreboard import Totals
from uncork.supervisor.status import ServerStatus, WorkerStatus

_STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
# A worker that was killed because it did not end is still on its way out.
_WORKER_STATES = {
    "booting": "booting",
    "ready": "ready",
    "draining": "draining",
    "stopping": "stopping",
    "killed": "stopping",
}
_RELOAD_OUTCOMES = {"done": "succeeded", "failed": "failed"}


@dataclass(frozen=True)
class Observation:
    """What was seen of a server in one look.

    Attributes:
        totals: What all the workers do and have done, those that are gone with them.
        ages: The age of each worker's heartbeat in seconds, by its process id.
        memory: Of each process, by its id.
        roles: What each process is that is no worker, by its id.
    """

    status: ServerStatus
    is_ready: bool
    totals: Totals
    ages: Mapping[int, float]
    memory: Mapping[int, Memory]
    roles: Mapping[int, str]


def families(seen: Observation) -> Iterator[Family]:
    """Every metric, in the order of its declaration."""
    yield from _traffic(seen.totals)
    yield from _workers(seen)
    yield from _memory(seen)
    status = seen.status
    yield _one(METRICS.start_time, status.started_at)
    yield _one(METRICS.uptime, status.uptime_seconds)
    yield Family(METRICS.build, {(status.version, platform.python_version()): 1})


def _traffic(totals: Totals) -> Iterator[Family]:
    counters = totals.counters
    answered = zip(_STATUS_CLASSES, counters.responses, strict=True)
    yield Family(METRICS.requests, {(name,): count for name, count in answered})
    yield _one(METRICS.requests_aborted, counters.aborted)
    yield Family(METRICS.request_duration, {(): counters.latency})
    yield Family(METRICS.request_queue, {(): counters.queue_time})
    yield _one(METRICS.requests_in_flight, counters.in_flight)
    yield _one(METRICS.connections, totals.connections)
    yield _one(METRICS.threads, totals.threads)
    yield _one(METRICS.threads_busy, totals.busy_threads)
    yield _one(METRICS.threads_upgraded, totals.upgraded_threads)
    yield _one(METRICS.queue_length, totals.queue)
    yield _one(METRICS.sent_bytes, counters.bytes_sent)


def _workers(seen: Observation) -> Iterator[Family]:
    status = seen.status
    states = dict.fromkeys(_WORKER_STATES.values(), 0)
    for worker in status.workers:
        states[_WORKER_STATES[worker.state]] += 1
    yield Family(METRICS.workers, {(state,): count for state, count in states.items()})
    yield _one(METRICS.workers_wanted, status.workers_wanted)
    ages: Values = {
        (_name(worker), str(worker.pid)): seen.ages[worker.pid]
        for worker in status.workers
        if worker.pid in seen.ages
    }
    yield Family(METRICS.worker_heartbeat, ages)
    restarts: Values = {
        (reason.replace(" ", "_"),): count for reason, count in sorted(status.restarts.items())
    }
    yield Family(METRICS.worker_restarts, restarts)
    outcomes: Values = {
        (name,): status.reloads.get(outcome, 0) for outcome, name in _RELOAD_OUTCOMES.items()
    }
    yield Family(METRICS.reloads, outcomes)
    yield _one(METRICS.generation, status.generation or 0)
    yield _one(METRICS.ready, int(seen.is_ready))


def _memory(seen: Observation) -> Iterator[Family]:
    names = {pid: (role, "", str(pid)) for pid, role in seen.roles.items()}
    for worker in seen.status.workers:
        names[worker.pid] = ("worker", _name(worker), str(worker.pid))
    resident = {pid: each.resident for pid, each in seen.memory.items() if pid in names}
    proportional = {pid: each.proportional for pid, each in seen.memory.items() if pid in names}
    for metric, sizes in (
        (METRICS.process_resident_memory, resident),
        (METRICS.process_proportional_memory, proportional),
    ):
        known: Values = {names[pid]: size for pid, size in sizes.items() if size is not None}
        yield Family(metric, known)
    # A part alone would be taken for the whole.
    is_whole = proportional and None not in proportional.values()
    total = sum(size for size in proportional.values() if size is not None)
    yield Family(METRICS.memory, {(): total} if is_whole else {})


def _name(worker: WorkerStatus) -> str:
    return str(worker.index + 1)  # as the log has it


def _one(metric: Metric, value: float) -> Family:
    return Family(metric, {(): value})
