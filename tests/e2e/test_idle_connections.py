"""Keep-alive connections that have been used once: what they cost, and whom they disturb."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from benchmarks.measure.idle_connections import IdleConnections, allow_descriptors
from tests.conftest import APPS
from tests.soak.slow_clients import measure
from tests.support import components
from tests.support.live_server import LiveServer
from tests.support.processes import memory_bytes

COUNT = 2000
KIBIBYTE = 1024
# Below this, what is measured is the machine and what else it does.
NOISE_SECONDS = 0.001

pytestmark = [
    pytest.mark.slow,
    pytest.mark.measures,
    pytest.mark.timeout(30),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture
def server() -> Iterator[LiveServer]:
    if not allow_descriptors(COUNT):
        components.missing(f"the system does not let this process open {COUNT} files")
    with LiveServer("plain:app", directory=APPS) as server:
        yield server


def idle_connections(server: LiveServer, count: int = COUNT) -> IdleConnections:
    return IdleConnections(server.addresses[0][1], count, "/a", b"/a")


def test_an_idle_connection_costs_four_kibibytes_at_the_most(server: LiveServer) -> None:
    with idle_connections(server, 50):
        before = memory_bytes(server)
    with idle_connections(server) as idle:
        grown = memory_bytes(server) - before
        assert idle.count_open() == COUNT
    assert grown / COUNT <= 4 * KIBIBYTE, f"{grown / COUNT / KIBIBYTE:.1f} KiB for each"


def test_idle_connections_do_not_slow_down_an_ordinary_client(server: LiveServer) -> None:
    alone = measure(server, 1.0)
    with idle_connections(server):
        beside = measure(server, 1.0)
    assert beside.median < max(2 * alone.median, NOISE_SECONDS), (alone, beside)
