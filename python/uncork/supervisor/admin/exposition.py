"""Writes metrics as text: OpenMetrics 1.0, or the older format of Prometheus (0.0.4).

This file knows no metric; it is told families with their samples, and writes them in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from uncork.supervisor.admin.metrics import Metric, MetricType
from uncork.supervisor.scoreboard import Histogram

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


Values = Mapping[tuple[str, ...], float | Histogram]
"""The values of a metric, each by the values of its labels."""


@dataclass(frozen=True)
class Family:
    """A metric with its values."""

    metric: Metric
    values: Values


def openmetrics(families: Iterable[Family]) -> str:
    """The text, with the line that says that it is whole."""
    return "".join(line for family in families for line in _openmetrics(family)) + "# EOF\n"


def prometheus(families: Iterable[Family]) -> str:
    """The text."""
    return "".join(line for family in families for line in _prometheus(family))


def _openmetrics(family: Family) -> Iterator[str]:
    metric = family.metric
    yield f"# TYPE {metric.name} {metric.type.value}\n"
    if metric.unit:
        yield f"# UNIT {metric.name} {metric.unit}\n"
    yield f"# HELP {metric.name} {_escaped(metric.text)}\n"
    yield from _samples(family)


def _prometheus(family: Family) -> Iterator[str]:
    # There, a counter is called what its sample is, and an info is a gauge that is always 1.
    metric = family.metric
    name, kind = metric.name, metric.type.value
    if metric.type is MetricType.COUNTER:
        name += "_total"
    elif metric.type is MetricType.INFO:
        name, kind = name + "_info", "gauge"
    # A quotation mark is escaped in OpenMetrics only.
    text = metric.text.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
    yield from _samples(family)


def _samples(family: Family) -> Iterator[str]:
    metric = family.metric
    for label_values, value in family.values.items():
        labels = list(zip(metric.labels, label_values, strict=True))
        if isinstance(value, Histogram):
            yield from _buckets(metric.name, labels, value)
            continue
        suffix = {MetricType.COUNTER: "_total", MetricType.INFO: "_info"}.get(metric.type, "")
        yield _sample(metric.name + suffix, labels, value)


def _buckets(name: str, labels: list[tuple[str, str]], histogram: Histogram) -> Iterator[str]:
    # `+Inf` is written beside numbers that all have a point: `1.0`, not `1`.
    bounds = [*(repr(float(bound)) for bound in histogram.bounds_seconds), "+Inf"]
    so_far = 0
    for bound, count in zip(bounds, histogram.counts, strict=True):
        so_far += count
        yield _sample(f"{name}_bucket", [*labels, ("le", bound)], so_far)
    yield _sample(f"{name}_count", labels, so_far)
    yield _sample(f"{name}_sum", labels, float(histogram.sum_seconds))


def _sample(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    text = ",".join(f'{label}="{_escaped(of)}"' for label, of in labels)
    return f"{name}{{{text}}} {value!r}\n" if text else f"{name} {value!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
