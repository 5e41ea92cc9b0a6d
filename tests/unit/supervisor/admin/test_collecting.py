"""From one look at the server to the text that a scraper reads."""

from dataclasses import replace

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from uncork.supervisor.admin.collecting import Observation, families
from uncork.supervisor.admin.exposition import openmetrics
from uncork.supervisor.admin.metrics import all_metrics
from uncork.supervisor.memory import Memory
from uncork.supervisor.scoreboard import Counters, Histogram, Totals
from uncork.supervisor.status import ServerStatus, WorkerStatus

LATENCY = Histogram((0.1, 1.0), (5, 2, 1), 9.5)
QUEUE_TIME = Histogram((0.1, 1.0), (8, 0, 0), 0.25)
COUNTERS = Counters(10, 9, (0, 5, 1, 2, 0), 1, 4096, LATENCY, QUEUE_TIME)
STATUS = ServerStatus(
    version="1.2",
    pid=10,
    app="hello:app",
    origin=None,
    folder="/",
    state="reloading",
    started_at=1000.0,
    uptime_seconds=60.5,
    generation=2,
    workers_wanted=2,
    workers_reason="",
    workers=[
        WorkerStatus(20, 0, 1, "draining", 50.0),
        WorkerStatus(21, 0, 2, "ready", 5.0),
        WorkerStatus(22, 1, 2, "booting", 1.0),
        WorkerStatus(23, 1, 1, "killed", 50.0),
    ],
    restarts={"out of memory": 1, "signal": 3},
    reloads={"done": 1, "running": 1},
)
SEEN = Observation(
    status=STATUS,
    is_ready=True,
    totals=Totals(3, 7, 4, 3, 2, 1, COUNTERS),
    ages={20: 0.5, 21: 0.25, 99: 1.0},
    memory={10: Memory(1000, 100), 11: Memory(500, 50), 21: Memory(2000, 600)},
    roles={10: "supervisor", 11: "admin"},
)


def told(seen: Observation) -> dict[str, float]:
    return {
        sample.name
        + ("{" + ",".join(f"{k}={v}" for k, v in sample.labels.items()) + "}"): sample.value
        for family in text_string_to_metric_families(openmetrics(families(seen)))
        for sample in family.samples
    }


def test_every_declared_metric_is_told_in_the_order_of_its_declaration():
    assert tuple(family.metric for family in families(SEEN)) == all_metrics()


def test_the_traffic():
    samples = told(SEEN)
    assert samples["uncork_requests_total{status=2xx}"] == 5
    assert samples["uncork_requests_total{status=4xx}"] == 2
    assert samples["uncork_requests_aborted_total{}"] == 1
    assert samples["uncork_requests_in_flight{}"] == 1
    assert samples["uncork_request_duration_seconds_bucket{le=1.0}"] == 7
    assert samples["uncork_request_duration_seconds_count{}"] == 8
    assert samples["uncork_request_duration_seconds_sum{}"] == 9.5
    assert samples["uncork_request_queue_seconds_sum{}"] == 0.25
    assert samples["uncork_sent_bytes_total{}"] == 4096
    assert [samples[f"uncork_{name}{{}}"] for name in ("connections", "queue_length")] == [7, 4]
    threads = ("threads", "threads_busy", "threads_upgraded")
    assert [samples[f"uncork_{name}{{}}"] for name in threads] == [3, 2, 1]


def test_the_workers():
    samples = told(SEEN)
    states = ("booting", "ready", "draining", "stopping")
    assert [samples[f"uncork_workers{{state={state}}}"] for state in states] == [1, 1, 1, 1]
    assert samples["uncork_worker_restarts_total{reason=out_of_memory}"] == 1
    assert samples["uncork_worker_restarts_total{reason=signal}"] == 3
    assert samples["uncork_reloads_total{outcome=succeeded}"] == 1
    assert samples["uncork_reloads_total{outcome=failed}"] == 0
    assert samples["uncork_worker_heartbeat_age_seconds{worker=1,pid=21}"] == 0.25
    assert samples["uncork_generation{}"] == 2
    assert samples["uncork_ready{}"] == 1


def test_the_memory_of_each_process_and_of_all():
    samples = told(SEEN)
    resident = "uncork_process_resident_memory_bytes"
    assert samples[f"{resident}{{role=worker,worker=1,pid=21}}"] == 2000
    assert samples[f"{resident}{{role=supervisor,worker=,pid=10}}"] == 1000
    assert samples["uncork_memory_bytes{}"] == 750


def test_of_a_process_that_can_t_be_looked_into_only_the_rest_is_told_and_no_sum():
    memory = {**SEEN.memory, 21: Memory(2000, None), 22: Memory(None, None)}
    samples = told(replace(SEEN, memory=memory))
    assert "uncork_memory_bytes{}" not in samples
    assert samples["uncork_process_resident_memory_bytes{role=worker,worker=1,pid=21}"] == 2000
    proportional = "uncork_process_proportional_memory_bytes"
    assert f"{proportional}{{role=worker,worker=1,pid=21}}" not in samples
    assert samples[f"{proportional}{{role=admin,worker=,pid=11}}"] == 50
