"""What many slow clients do to an ordinary one, as slowhttptest plays them."""

from __future__ import annotations

import pytest

from tests.conftest import APPS
from tests.soak.slow_clients import WAYS, Attack, run
from tests.support import components
from tests.support.live_server import LiveServer

CONNECTIONS = 500
SECONDS = 1.0
# Below this, what is measured is the machine and what else it does.
NOISE_SECONDS = 0.001


@pytest.mark.slow
@pytest.mark.measures
@pytest.mark.timeout(30)
@pytest.mark.parametrize("way", WAYS)
def test_slow_clients_do_not_slow_down_an_ordinary_one(way: str) -> None:
    components.program("slowhttptest")
    with LiveServer("plain:app", directory=APPS) as server:
        outcome = run(Attack(way, CONNECTIONS, SECONDS), server)
    assert outcome.beside.median < max(2 * outcome.alone.median, NOISE_SECONDS), outcome
