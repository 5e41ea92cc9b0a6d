import dataclasses
from pathlib import Path
from typing import Any

from benchmarks.behaviour.probes import PROBES
from benchmarks.behaviour.report import report
from benchmarks.behaviour.results import BehaviourRun, Result

CONDITIONS: dict[str, Any] = {
    "started": "2026-11-21T00:00:00+00:00",
    "threads": 16,
    "cpu": "a processor",
    "cores": 2,
    "memory_gib": 8,
    "is_virtual": False,
    "system": "Debian",
    "kernel": "6.18",
}


def run_of(*results: Result) -> BehaviourRun:
    servers = {"uncork": "uncork, 16 threads", "bjoern": "bjoern"}
    return BehaviourRun(CONDITIONS, {"bjoern": "3.2"}, {}, servers, list(results))


def test_a_cell_says_whether_it_is_right() -> None:
    text = report(
        run_of(
            Result("head", "uncork", "none", is_right=True),
            Result("head", "bjoern", "a body is sent", is_right=False),
            Result("upgrade", "bjoern", "not offered", is_right=None),
        )
    )
    assert "| none is sent (RFC 9110 §9.3.2) | ✓ none | ✗ a body is sent |" in text
    assert "| it works |  | – not offered |" in text


def test_the_sums_count_what_is_right() -> None:
    text = report(
        run_of(
            Result("head", "bjoern", "none", is_right=True),
            Result("pipeline", "bjoern", "garbage", is_right=False),
            Result("upgrade", "bjoern", "not offered", is_right=None),
        )
    )
    assert "| bjoern | 1 | 1 | 1 |" in text


def test_a_group_that_was_not_asked_is_left_out() -> None:
    assert "## WebSockets" not in report(run_of(Result("head", "uncork", "none", is_right=True)))


def test_a_bar_in_a_verdict_does_not_end_its_cell() -> None:
    assert "✓ a &#124; b" in report(run_of(Result("head", "uncork", "a | b", is_right=True)))


def test_what_was_not_asked_is_said() -> None:
    run = dataclasses.replace(run_of(), missing={"uwsgi": "no compiler"})
    assert "- not asked: uwsgi: no compiler" in report(run)


def test_a_run_is_read_as_it_was_saved(tmp_path: Path) -> None:
    run = run_of(Result("head", "uncork", "none", is_right=True))
    run.save(tmp_path / "run.json")
    assert BehaviourRun.read(tmp_path / "run.json") == run


def test_every_probe_has_a_name_of_its_own() -> None:
    assert len({probe.key for probe in PROBES}) == len(PROBES)
