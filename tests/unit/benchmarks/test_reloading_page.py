from benchmarks.reloading.cases import CASES
from benchmarks.reloading.columns import UNCORK
from benchmarks.reloading.report import report
from benchmarks.reloading.results import ReloadingRun, Result
from benchmarks.report import replaced_between_marks
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "explanation" / "reloaders.md"
PUBLISHED = ReloadingRun.read(ROOT / "benchmarks" / "results" / "reloading.json")


def test_the_page_shows_the_published_results() -> None:
    page = PAGE.read_text()
    assert page == replaced_between_marks(page, report(PUBLISHED))


def test_every_server_was_asked_every_case_that_there_is() -> None:
    asked = {(result.case, result.server) for result in PUBLISHED.results}
    cases = {case.key for case in CASES}
    assert asked == {(case, server) for case in cases for server in PUBLISHED.servers}


def test_nothing_is_wrong_for_uncork() -> None:
    own = [result for result in PUBLISHED.results if result.server == UNCORK]
    assert [result.case for result in own if result.is_right is False] == []


def test_a_time_is_shown_with_its_spread() -> None:
    run = ReloadingRun(PUBLISHED.conditions, {}, {"one": "`one`"})
    run.results.append(Result("edit", "one", "120 ms", None, [100.0, 120.0, 190.4]))
    assert "| 120 ms (100–190) |" in report(run)
