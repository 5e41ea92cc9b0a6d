"""Every metric, declared once: the answer of `/metrics` and the reference page are made of this.

A metric is declared with its whole name, as OpenMetrics has it: with its unit, and without the
suffix that its type adds to a sample (`_total`, `_bucket`, `_info`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from functools import cache


class MetricType(Enum):
    """What may be done with the numbers; the values are words of the format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True)
class Metric:
    """What there is to know about one metric.

    Attributes:
        text: What it counts or measures, for whoever reads a dashboard.
        labels: The names of its labels, in their order.
        unit: As OpenMetrics spells it; the name ends with it.
    """

    name: str
    type: MetricType
    text: str
    labels: tuple[str, ...] = ()
    unit: str | None = None


_COUNTER, _GAUGE = MetricType.COUNTER, MetricType.GAUGE
_HISTOGRAM = MetricType.HISTOGRAM
_PROCESS = ("role", "worker", "pid")


@dataclass(frozen=True)
class Metrics:
    """The metrics by their names in the code, in the order in which they are told."""

    requests: Metric = Metric(
        "uncork_requests",
        _COUNTER,
        "Requests that were answered, by the class of the status. "
        "What uncork itself answers, such as a 503 of a full queue, counts too. "
        "A connection that was upgraded is `1xx` when it ends.",
        ("status",),
    )
    requests_aborted: Metric = Metric(
        "uncork_requests_aborted",
        _COUNTER,
        "Requests whose client has not got a whole answer, those of killed workers among them. "
        "They are in no class of status.",
    )
    request_duration: Metric = Metric(
        "uncork_request_duration_seconds",
        _HISTOGRAM,
        "Time from the whole request to the end of the application's answer. "
        "Of requests that the application answered, upgraded ones excepted.",
        unit="seconds",
    )
    request_queue: Metric = Metric(
        "uncork_request_queue_seconds",
        _HISTOGRAM,
        "Time from the whole request to the call of the application: the wait for a thread.",
        unit="seconds",
    )
    requests_in_flight: Metric = Metric(
        "uncork_requests_in_flight", _GAUGE, "Requests that are inside the application."
    )
    connections: Metric = Metric(
        "uncork_connections", _GAUGE, "Connections that are open, upgraded ones among them."
    )
    threads: Metric = Metric(
        "uncork_threads", _GAUGE, "Threads that can run the application, busy or idle."
    )
    threads_busy: Metric = Metric(
        "uncork_threads_busy", _GAUGE, "Threads that are inside the application."
    )
    threads_upgraded: Metric = Metric(
        "uncork_threads_upgraded",
        _GAUGE,
        "Those of the busy threads that speak to their client by WebSocket or the like.",
    )
    queue_length: Metric = Metric("uncork_queue_length", _GAUGE, "Requests that wait for a thread.")
    sent_bytes: Metric = Metric(
        "uncork_sent_bytes",
        _COUNTER,
        "Bytes of answers, with their heads, before TLS.",
        unit="bytes",
    )
    workers: Metric = Metric(
        "uncork_workers",
        _GAUGE,
        "Worker processes by state: `booting` loads the application, `ready` serves, `draining` "
        "finishes what runs, `stopping` ends at once.",
        ("state",),
    )
    workers_wanted: Metric = Metric(
        "uncork_workers_wanted", _GAUGE, "Worker processes that there are to be."
    )
    worker_heartbeat: Metric = Metric(
        "uncork_worker_heartbeat_age_seconds",
        _GAUGE,
        "Time since the event loop of a worker turned last.",
        ("worker", "pid"),
        "seconds",
    )
    worker_restarts: Metric = Metric(
        "uncork_worker_restarts",
        _COUNTER,
        "Workers that were replaced, by reason: `signal`, `out_of_memory`, `exit`, `hang`, `boot` "
        "for one that never served, or the setting that recycled it, such as `max_requests`.",
        ("reason",),
    )
    reloads: Metric = Metric(
        "uncork_reloads",
        _COUNTER,
        "Reloads by outcome: `succeeded`, or `failed`, where the code from before went on serving.",
        ("outcome",),
    )
    generation: Metric = Metric(
        "uncork_generation",
        _GAUGE,
        "The generation that serves: the code is loaded anew for each. 0 before the first.",
    )
    ready: Metric = Metric(
        "uncork_ready", _GAUGE, "1 while `/readyz` answers 200, and 0 while it answers 503."
    )
    process_resident_memory: Metric = Metric(
        "uncork_process_resident_memory_bytes",
        _GAUGE,
        "Memory of one process, with what it shares with others (RSS). The role is `supervisor`, "
        "`worker`, `admin`, or `helper` for any other.",
        _PROCESS,
        "bytes",
    )
    process_proportional_memory: Metric = Metric(
        "uncork_process_proportional_memory_bytes",
        _GAUGE,
        "Memory of one process, with its part of what it shares with others (PSS).",
        _PROCESS,
        "bytes",
    )
    memory: Metric = Metric(
        "uncork_memory_bytes",
        _GAUGE,
        "Memory of all the processes of this server together: the sum of their PSS, in which "
        "nothing is counted twice.",
        unit="bytes",
    )
    start_time: Metric = Metric(
        "uncork_start_time_seconds",
        _GAUGE,
        "When the server was started, in seconds since 1970.",
        unit="seconds",
    )
    uptime: Metric = Metric(
        "uncork_uptime_seconds", _GAUGE, "Time since the server was started.", unit="seconds"
    )
    build: Metric = Metric(
        "uncork_build",
        MetricType.INFO,
        "Which uncork serves, with which Python.",
        ("version", "python"),
    )


METRICS = Metrics()


@cache
def all_metrics() -> tuple[Metric, ...]:
    """Every metric, in the order in which they are told."""
    return tuple(getattr(METRICS, field.name) for field in dataclasses.fields(Metrics))
