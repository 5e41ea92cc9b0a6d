"""How a request that was lost is told."""

import pytest

from uncork.supervisor.lost_requests import described
from uncork.supervisor.scoreboard import Activity, RunningRequest


def request(
    client: str | None,
    target: str = "/a?b=1",
    *,
    is_cut: bool = False,
    identifier: str | None = None,
) -> RunningRequest:
    return RunningRequest(
        row=0,
        cell=0,
        number=1,
        method="GET",
        target=target,
        is_cut=is_cut,
        client=client,
        client_port=5000,
        started=100.0,
        native_thread=1,
        python_thread=1,
        activity=Activity.IN_APP,
        identifier=identifier,
    )


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        (request("10.0.0.1"), "`GET /a?b=1` of 10.0.0.1:5000, after 2.5 s"),
        (request("::1"), "`GET /a?b=1` of [::1]:5000, after 2.5 s"),
        (
            request("10.0.0.1", identifier="a-1"),
            "`GET /a?b=1` of 10.0.0.1:5000, request `a-1`, after 2.5 s",
        ),
        (request(None), "`GET /a?b=1` of a client on a unix socket, after 2.5 s"),
        (
            request("10.0.0.1", "/\x1bé", is_cut=True),
            r"`GET /\x1b\xe9…` of 10.0.0.1:5000, after 2.5 s",
        ),
    ],
)
def test_a_lost_request_is_named_by_what_its_client_knows(lost, text):
    assert described(lost, 102.5) == text
