from pathlib import Path

from benchmarks.run import ordered_for_round
from benchmarks.servers.table import all_servers

SERVERS = all_servers(Path("uncork"))


def test_every_round_has_every_server_once() -> None:
    for round_number in range(7):
        order = ordered_for_round(SERVERS, round_number)
        assert sorted(server.key for server in order) == sorted(server.key for server in SERVERS)


def test_two_rounds_have_different_orders() -> None:
    assert ordered_for_round(SERVERS, 0) != ordered_for_round(SERVERS, 1)


def test_the_order_of_a_round_is_the_same_in_every_run() -> None:
    assert ordered_for_round(SERVERS, 1) == ordered_for_round(SERVERS, 1)


def test_one_server_alone_can_be_run() -> None:
    assert ordered_for_round(SERVERS[:1], 3) == SERVERS[:1]
