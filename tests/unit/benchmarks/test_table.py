from benchmarks.samples import Sample
from benchmarks.table import LoadTable, Spread, tables


def table_of(**medians: dict[str, float]) -> LoadTable:
    samples = [
        Sample("hello", server.replace("_", "-"), 0, numbers) for server, numbers in medians.items()
    ]
    return tables(samples)["hello"]


def test_the_median_and_both_ends_of_all_rounds_are_kept() -> None:
    samples = [Sample("hello", "bjoern", i, {"cpu_us": v}) for i, v in enumerate((9.0, 7.0, 8.5))]

    assert tables(samples)["hello"].rows["bjoern"]["cpu_us"] == Spread(8.5, 7.0, 9.0)


def test_the_median_of_two_rounds_lies_between_them() -> None:
    assert Spread.of([1.0, 2.0]).median == 1.5


def test_one_disqualified_round_takes_the_row_away() -> None:
    good = Sample("hello", "bjoern", 0, {"cpu_us": 7.0})
    bad = Sample("hello", "bjoern", 1, failure="answered 500")

    table = tables([good, bad])["hello"]

    assert table.rows == {}
    assert table.failures == {"bjoern": "answered 500 (1 of 2 rounds)"}


def test_loads_do_not_mix() -> None:
    samples = [
        Sample("hello", "bjoern", 0, {"cpu_us": 7.0}),
        Sample("upload", "bjoern", 0, {"cpu_us": 20.0}),
    ]

    medians = {load: table.median("bjoern", "cpu_us") for load, table in tables(samples).items()}

    assert medians == {"hello": 7.0, "upload": 20.0}


def test_the_best_peer_has_the_least_where_less_is_better() -> None:
    table = table_of(bjoern={"cpu_us": 8.0}, fastwsgi={"cpu_us": 7.0})

    assert table.best_peer("cpu_us") == ("fastwsgi", 7.0)


def test_the_best_peer_has_the_most_where_more_is_better() -> None:
    table = table_of(bjoern={"requests_per_second": 8.0}, fastwsgi={"requests_per_second": 7.0})

    assert table.best_peer("requests_per_second") == ("bjoern", 8.0)


def test_neither_uncork_nor_the_bare_loop_is_a_peer() -> None:
    table = table_of(uncork={"cpu_us": 5.0}, bare_loop={"cpu_us": 4.0}, bjoern={"cpu_us": 7.0})

    assert table.best_peer("cpu_us") == ("bjoern", 7.0)


def test_without_a_peer_there_is_no_best_one() -> None:
    assert table_of(uncork={"cpu_us": 5.0}).best_peer("cpu_us") is None


def test_rows_stand_best_first() -> None:
    table = table_of(
        bjoern={"requests_per_second": 8.0},
        uncork={"requests_per_second": 9.0},
        fastwsgi={"requests_per_second": 7.0},
    )

    assert table.ordered("requests_per_second") == ["uncork", "bjoern", "fastwsgi"]


def test_a_peer_that_starves_new_connections_is_not_the_best() -> None:
    table = table_of(bjoern={"cpu_us": 9.0}, uwsgi={"cpu_us": 7.0, "starved": 1.0})

    assert table.best_peer("cpu_us") == ("bjoern", 9.0)


def test_one_starved_round_marks_the_server() -> None:
    samples = [Sample("hello", "uwsgi", i, {"starved": v}) for i, v in enumerate((0.0, 1.0, 0.0))]

    assert tables(samples)["hello"].starves("uwsgi")
