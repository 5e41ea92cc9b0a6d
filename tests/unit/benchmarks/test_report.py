from typing import Any

import pytest

from benchmarks.loads.hello import LOAD as HELLO
from benchmarks.report import BEGIN, END, load_section, replaced_between_marks, report, show
from benchmarks.samples import Run, Sample
from benchmarks.table import LoadTable, Spread

CONDITIONS: dict[str, Any] = {
    "started": "2026-11-21T00:00:00+00:00",
    "rounds": 3,
    "seconds": 4.0,
    "cpu": "a processor",
    "cores": 2,
    "memory_gib": 8,
    "is_virtual": False,
    "system": "Debian",
    "kernel": "6.18",
}


def run_of(*samples: Sample, **conditions: Any) -> Run:
    return Run(CONDITIONS | conditions, {"uncork": "0.1.0"}, {}, list(samples))


def row(requests_per_second: float, **more: float) -> dict[str, Spread]:
    numbers = {"requests_per_second": requests_per_second, **more}
    return {metric: Spread.of([value]) for metric, value in numbers.items()}


def test_a_number_stands_with_its_spread() -> None:
    assert show("requests_per_second", Spread(1234.4, 1000.0, 2000.0)) == "1,234 (1,000–2,000)"


def test_a_number_without_spread_stands_alone() -> None:
    assert show("cpu_us", Spread(7.123, 7.121, 7.1234)) == "7.12"


def test_a_section_has_the_best_first_and_uncork_in_bold() -> None:
    section = load_section(HELLO, LoadTable({"bjoern": row(5), "uncork": row(9)}, {}))

    assert section.splitlines() == [
        "| server | requests/s |",
        "| --- | ---: |",
        "| **uncork** | 9 |",
        "| bjoern | 5 |",
    ]


def test_a_disqualified_server_stands_below_with_its_reason() -> None:
    section = load_section(HELLO, LoadTable({"uncork": row(9)}, {"bjoern": "answered 500"}))

    assert section.endswith("Disqualified:\n\n- bjoern: answered 500")


def test_a_section_without_any_row_still_says_why() -> None:
    section = load_section(HELLO, LoadTable({}, {"bjoern": "answered 500"}))

    assert section == "Disqualified:\n\n- bjoern: answered 500"


def test_a_row_says_when_the_generator_was_the_limit() -> None:
    section = load_section(HELLO, LoadTable({"bjoern": row(5, generator_busy=0.99)}, {}))

    assert "| bjoern † | 5 |" in section


def test_a_report_warns_when_something_else_ran() -> None:
    sample = Sample("hello", "uncork", 0, {"requests_per_second": 1.0, "foreign_busy": 0.5})

    assert "busy with something else** in 1 of 1 samples" in report(run_of(sample))


def test_a_report_of_one_round_warns() -> None:
    assert "Too few rounds" in report(run_of(rounds=1))


def test_a_report_of_a_quiet_machine_does_not_warn() -> None:
    sample = Sample("hello", "uncork", 0, {"requests_per_second": 1.0, "foreign_busy": 0.01})

    assert report(run_of(sample)).startswith("## What was run")


def test_only_the_part_between_the_marks_is_replaced() -> None:
    page = f"before\n\n{BEGIN}\nold\n{END}\nafter\n"

    assert replaced_between_marks(page, "new") == f"before\n\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs one"):
        replaced_between_marks("a page", "new")


def test_a_row_says_when_new_connections_were_starved() -> None:
    section = load_section(HELLO, LoadTable({"bjoern": row(5, starved=1.0)}, {}))

    assert "| bjoern ‡ | 5 |" in section
