from benchmarks.behaviour.report import report, unknown_probes
from benchmarks.behaviour.results import BehaviourRun
from benchmarks.report import replaced_between_marks
from benchmarks.servers.uncork import KEY as UNCORK
from tests.docs.pages import ROOT
from tests.e2e.test_behaviour import KNOWN_TO_BE_WRONG

PAGE = ROOT / "docs" / "explanation" / "behaviour.md"
PUBLISHED = BehaviourRun.read(ROOT / "benchmarks" / "results" / "behaviour.json")


def test_the_page_shows_the_published_verdicts() -> None:
    page = PAGE.read_text()
    assert page == replaced_between_marks(page, report(PUBLISHED))


def test_the_published_verdicts_are_those_of_the_probes_that_there_are() -> None:
    assert unknown_probes(PUBLISHED) == set()


def test_every_server_was_asked_everything() -> None:
    asked = {(result.probe, result.server) for result in PUBLISHED.results}
    probes = {result.probe for result in PUBLISHED.results}
    assert asked == {(probe, server) for probe in probes for server in PUBLISHED.servers}


def test_what_is_wrong_for_uncork_on_the_page_is_known_to_the_tests() -> None:
    wrong = {
        result.probe
        for result in PUBLISHED.results
        if result.server == UNCORK and not result.is_right
    }
    assert wrong == set(KNOWN_TO_BE_WRONG)
