import pytest

from benchmarks.bars import BARS, Bar, judge
from benchmarks.loads.table import LOADS
from benchmarks.metrics import METRICS
from benchmarks.samples import Sample
from benchmarks.table import LoadTable, tables


def bar_of(load: str, text: str) -> Bar:
    (bar,) = (bar for bar in BARS if bar.load == load and bar.text.startswith(text))
    return bar


def run_of(load: str, **medians: dict[str, float]) -> dict[str, LoadTable]:
    return tables(
        Sample(load, server.replace("_", "-"), 0, numbers) for server, numbers in medians.items()
    )


@pytest.mark.parametrize(("ours", "is_passed"), [(8.5, True), (8.6, False)])
def test_cpu_per_request_is_held_against_the_best_peer(ours: float, is_passed: bool) -> None:
    run = run_of("hello", uncork={"cpu_us": ours}, bjoern={"cpu_us": 10.0}, granian={"cpu_us": 30})

    verdict = judge(bar_of("hello", "CPU per request, to the best peer"), run)

    assert verdict.is_passed is is_passed
    assert verdict.reading is not None
    assert verdict.reading.value == pytest.approx(ours / 10.0)


def test_equal_throughput_is_not_behind() -> None:
    same = {"requests_per_second": 5000.0}
    run = run_of("flask-text", uncork=same, bjoern=same)

    assert judge(bar_of("flask-text", "requests/s"), run).is_passed is True


def test_a_disqualified_uncork_fails_its_bars() -> None:
    run = tables(
        [Sample("hello", "uncork", 0, failure="x"), Sample("hello", "bjoern", 0, {"cpu_us": 1.0})]
    )

    assert judge(bar_of("hello", "CPU per request, to the best peer"), run).is_passed is False


def test_a_disqualified_peer_is_no_reference() -> None:
    run = tables(
        [
            Sample("hello", "uncork", 0, {"requests_per_second": 100.0}),
            Sample("hello", "granian", 0, {"requests_per_second": 90.0}),
            Sample("hello", "bjoern", 0, {"requests_per_second": 110.0}),
            Sample("hello", "bjoern", 1, failure="answered 500"),
        ]
    )

    assert judge(bar_of("hello", "requests/s"), run).is_passed is True


def test_without_the_peers_a_comparison_is_not_judged() -> None:
    run = run_of("hello", uncork={"cpu_us": 5.0})

    assert judge(bar_of("hello", "CPU per request, to the best peer"), run).is_passed is None


def test_a_load_that_did_not_run_is_not_judged() -> None:
    assert judge(bar_of("sleeping", "requests/s"), {}).is_passed is None


@pytest.mark.parametrize(("ready", "is_passed"), [(0.55, True), (0.56, False)])
def test_the_import_of_the_app_does_not_count_for_readiness(ready: float, is_passed: bool) -> None:
    run = run_of("ready", uncork={"ready_s": ready, "import_s": 0.2501})

    assert judge(bar_of("ready", "time to ready"), run).is_passed is is_passed


@pytest.mark.parametrize(("p99", "is_passed"), [(200.0, True), (201.0, False)])
def test_a_tail_is_held_against_the_own_median(p99: float, is_passed: bool) -> None:
    run = run_of("computing", uncork={"p50_ms": 100.0, "p99_ms": p99})

    assert judge(bar_of("computing", "p99"), run).is_passed is is_passed


@pytest.mark.parametrize("bar", BARS, ids=lambda bar: f"{bar.load}: {bar.text}")
def test_every_bar_can_be_judged_from_what_its_load_yields(bar: Bar) -> None:
    numbers = dict.fromkeys(METRICS, 1.0) | {"starved": 0.0}
    run = run_of(bar.load, uncork=numbers, bjoern=numbers, gunicorn=numbers, bare_loop=numbers)

    assert bar.load in {load.key for load in LOADS}
    assert judge(bar, run).reading is not None


def test_bars_fail_if_uncork_starves_new_connections() -> None:
    run = run_of("hello", uncork={"cpu_us": 1.0, "starved": 1.0}, bjoern={"cpu_us": 10.0})

    assert judge(bar_of("hello", "CPU per request, to the best peer"), run).is_passed is False
