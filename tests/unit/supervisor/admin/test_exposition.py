"""What is written is read back by the reference parsers, number for number."""

import math
from collections.abc import Iterable

import pytest
from prometheus_client import Metric as ParsedMetric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from uncork.supervisor.admin.exposition import Family, openmetrics, prometheus
from uncork.supervisor.admin.metrics import Metric, MetricType, all_metrics
from uncork.supervisor.scoreboard import Histogram

COUNTER = Metric("a_requests", MetricType.COUNTER, "Requests.", ("status",))
GAUGE = Metric("a_time_seconds", MetricType.GAUGE, 'It says "a\\b".\nTwice.', unit="seconds")
INFO = Metric("a_build", MetricType.INFO, "Which.", ("version", "python"))
HISTOGRAM = Metric("a_duration_seconds", MetricType.HISTOGRAM, "How long.", unit="seconds")

FAMILIES = [
    Family(COUNTER, {("2xx",): 7, ("5xx",): 0}),
    Family(GAUGE, {(): 0.25}),
    Family(INFO, {('1.0"\\\n', "3.13"): 1}),
    Family(HISTOGRAM, {(): Histogram((0.005, 1.0), (2, 0, 1), 3.5)}),
]


def samples(parsed: Iterable[ParsedMetric]) -> dict[tuple[str, str], float]:
    """Each sample by its name and its labels."""
    return {
        (sample.name, ",".join(f"{k}={v}" for k, v in sample.labels.items())): sample.value
        for family in parsed
        for sample in family.samples
    }


EXPECTED = {
    ("a_requests_total", "status=2xx"): 7,
    ("a_requests_total", "status=5xx"): 0,
    ("a_time_seconds", ""): 0.25,
    ("a_build_info", 'version=1.0"\\\n,python=3.13'): 1,
    ("a_duration_seconds_bucket", "le=0.005"): 2,
    ("a_duration_seconds_bucket", "le=1.0"): 2,
    ("a_duration_seconds_bucket", "le=+Inf"): 3,
    ("a_duration_seconds_count", ""): 3,
    ("a_duration_seconds_sum", ""): 3.5,
}


def test_openmetrics_reads_back():
    assert samples(parse_openmetrics(openmetrics(FAMILIES))) == EXPECTED


def test_the_older_format_reads_back():
    assert samples(parse_prometheus(prometheus(FAMILIES))) == EXPECTED


def test_types_units_and_texts_read_back():
    parsed = list(parse_openmetrics(openmetrics(FAMILIES)))
    assert [(each.name, each.type, each.unit) for each in parsed] == [
        (family.metric.name, family.metric.type.value, family.metric.unit or "")
        for family in FAMILIES
    ]
    assert parsed[1].documentation == GAUGE.text


def test_openmetrics_says_that_it_is_whole_and_the_older_format_does_not_know_how():
    assert openmetrics(FAMILIES).endswith("\n# EOF\n")
    assert "EOF" not in prometheus(FAMILIES)


@pytest.mark.parametrize("value", [math.inf, 1e-9, 10**18, 1_700_000_000.123])
def test_numbers_keep_their_value(value: float):
    (parsed,) = samples(parse_openmetrics(openmetrics([Family(GAUGE, {(): value})]))).values()
    assert parsed == value


@pytest.mark.parametrize("metric", all_metrics(), ids=lambda metric: metric.name)
def test_a_declared_metric_is_named_as_the_format_wants_it(metric: Metric):
    assert metric.name.startswith("uncork_")
    assert not metric.name.endswith(("_total", "_info", "_bucket", "_count", "_sum", "_created"))
    assert metric.unit is None or metric.name.endswith(f"_{metric.unit}")
    assert metric.text.endswith(".")
