"""`start_response` and `write` (PEP 3333, "The start_response() Callable")."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse, Truncated

both_ways = pytest.mark.parametrize("prefix", ["", "/bare"], ids=["validated", "bare"])


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("starting:app")


def assert_in_step(client: RawClient) -> None:
    """Fails unless the connection ended cleanly or answers a next request properly."""
    try:
        response = client.get("/reason")
    except BrokenPipeError:
        return
    except Truncated as end:
        if end.received:
            raise
        return
    assert (response.status, response.body) == (200, b"hg")


def head_of(response: RawResponse) -> tuple[int, str, bytes]:
    return response.status, response.reason, response.body


@both_ways
def test_an_error_before_any_output_replaces_the_head(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/replaced")
    assert head_of(response) == (404, "Gone Fishing", b"not here")
    assert response.header("X-New") == "yes"
    assert response.header("X-Old") is None
    assert_in_step(client)


@both_ways
def test_an_empty_string_is_no_output(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/replaced_in_generator")
    assert head_of(response) == (503, "Later", b"come back")
    assert_in_step(client)


@both_ways
@pytest.mark.parametrize("page", ["replaced_late", "replaced_after_write"])
def test_an_error_after_output_is_raised_again_and_breaks_the_answer_off(
    server: LiveServer, client: RawClient, prefix: str, page: str
) -> None:
    with pytest.raises(Truncated):
        client.get(f"{prefix}/{page}")
    server.wait_for_log("LookupError: too late")


@both_ways
@pytest.mark.parametrize("page", ["twice", "started_then_raised"])
def test_a_failure_before_any_output_is_a_500(client: RawClient, prefix: str, page: str) -> None:
    response = client.get(f"{prefix}/{page}")
    assert response.status == 500
    assert b"never sent" not in response.body
    assert_in_step(client)


@pytest.mark.parametrize("page", ["never", "never_and_empty"])
def test_without_start_response_the_answer_is_a_500(client: RawClient, page: str) -> None:
    response = client.get(f"/bare/{page}")
    assert response.status == 500
    assert b"never sent" not in response.body
    assert_in_step(client)


@both_ways
def test_what_is_written_is_sent(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/written")
    assert (response.status, response.body) == (200, b"one two")
    assert_in_step(client)


@both_ways
def test_what_is_written_comes_before_what_is_returned(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/written_and_returned")
    assert (response.body, response.framing) == (b"one two three", "content-length")
    assert_in_step(client)


@both_ways
def test_what_is_written_over_the_length_is_cut_off(client: RawClient, prefix: str) -> None:
    assert client.get(f"{prefix}/written_too_much").body == b"four"
    assert_in_step(client)


def test_a_str_can_not_be_written(client: RawClient) -> None:
    assert client.get("/bare/written_wrongly").status == 500
    assert_in_step(client)


@pytest.mark.parametrize("page", ["written", "lazy", "written_and_returned"])
def test_a_head_request_gets_the_head_only(client: RawClient, page: str) -> None:
    response = client.request(f"HEAD /{page} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    assert response.status in {200, 202}
    assert_in_step(client)


@both_ways
def test_a_generator_starts_at_its_first_piece(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/lazy")
    assert head_of(response) == (202, "Accepted Lazily", b"made late")
    assert response.header("X-Lazy") == "yes"


@both_ways
def test_a_generator_may_start_and_give_nothing(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/lazy_and_empty")
    assert head_of(response) == (202, "Accepted Lazily", b"")
    assert response.header("X-Lazy") == "yes"
    assert_in_step(client)


def test_what_was_kept_of_a_request_answers_no_other_one(client: RawClient) -> None:
    assert client.get("/bare/kept").body == b"kept"
    for _ in range(3):
        answer = client.get("/bare/kept")
        assert (answer.status, answer.body) == (200, b"the request that this belongs to has ended")


@both_ways
def test_the_app_s_reason_is_kept(client: RawClient, prefix: str) -> None:
    """Mercurial's clients look for this one."""
    response = client.get(f"{prefix}/reason")
    assert head_of(response) == (200, "Script output follows", b"hg")


@both_ways
def test_headers_keep_their_case_order_and_number(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/headers")
    names = [name for name, _ in response.headers]
    assert "x-amz-meta-lower" in names
    assert "X-MiXeD-CaSe" in names
    assert response.values("Set-Cookie") == ["one=1", "two=2"]
    assert response.header("X-Latin") == "caf\xe9"
    assert response.header("X-Empty") == ""


def test_a_date_is_added(client: RawClient) -> None:
    date = client.get("/reason").header("Date")
    assert date is not None
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)


def test_the_app_s_own_date_and_server_win(client: RawClient) -> None:
    response = client.get("/own_date")
    assert response.header("Date") == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert response.header("Server") == "its own/1.0"


@both_ways
def test_a_body_over_its_length_is_cut_off(client: RawClient, prefix: str) -> None:
    response = client.get(f"{prefix}/too_long")
    assert (response.body, response.framing) == (b"four", "content-length")
    assert_in_step(client)


@both_ways
def test_a_body_under_its_length_is_broken_off(client: RawClient, prefix: str) -> None:
    with pytest.raises(Truncated) as broken:
        client.get(f"{prefix}/too_short")
    assert broken.value.received == b"four"


@pytest.mark.parametrize(
    "fault",
    [
        "status-without-space",
        "status-empty",
        "status-not-a-number",
        "status-bytes",
        "status-int",
        "status-interim",
        "status-with-line-break",
        "name-with-line-break",
        "name-with-space",
        "name-empty",
        "name-bytes",
        "value-with-line-break",
        "value-with-lf",
        "value-with-nul",
        "value-bytes",
        "value-int",
        "value-beyond-latin-1",
        "length-not-a-number",
        "length-negative",
        "length-twice",
        "hop-by-hop",
        "headers-not-pairs",
        "headers-none",
    ],
)
def test_a_head_that_can_not_be_sent_is_a_500(client: RawClient, fault: str) -> None:
    response = client.get(f"/bare/broken_head?{fault}")
    assert response.status == 500
    assert response.header("X-Evil") is None
    assert b"never sent" not in response.body
    assert_in_step(client)
