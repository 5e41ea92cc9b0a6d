"""Every row of the published table of behaviour comes out right for uncork.

The probes are those of `benchmarks/behaviour`, which the peers are asked too. What they forgive
for fairness, the other files here do not.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import benchmarks
from benchmarks.behaviour.probe import THREADS, Probe
from benchmarks.behaviour.probes import PROBES
from tests.conftest import Serve
from tests.support.live_server import LiveServer

APPS = Path(benchmarks.__file__).parent / "apps"
# Rows that come out wrong, each with the reason.
KNOWN_TO_BE_WRONG: dict[str, str] = {}


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("probed:app", f"--threads={THREADS}", directory=APPS)


def _row(probe: Probe) -> object:
    reason = KNOWN_TO_BE_WRONG.get(probe.key)
    marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(probe, id=probe.key, marks=marks)


@pytest.mark.slow
@pytest.mark.timeout(40)  # a probe gives a server ten seconds, and the next one waits for its end
@pytest.mark.parametrize("probe", [_row(probe) for probe in PROBES])
def test_it_is_right(server: LiveServer, probe: Probe) -> None:
    verdict = probe.ask(server.addresses[0][1])
    assert verdict.is_right, verdict.text
