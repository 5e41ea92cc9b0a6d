"""Apps that fail, and `wsgi.errors` (PEP 3333, "Error Handling")."""

from __future__ import annotations

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, Truncated

both_ways = pytest.mark.parametrize("prefix", ["", "/bare"], ids=["validated", "bare"])


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("failing:app")


def assert_serves(server: LiveServer) -> None:
    with server.client() as client:
        assert client.get("/fine").body == b"fine"


@both_ways
def test_what_is_written_to_the_errors_is_logged(
    server: LiveServer, client: RawClient, prefix: str
) -> None:
    assert client.get(f"{prefix}/logs").body == b"logged"
    server.wait_for_log("one line, with \u20ac and \u96ea\nsecond line\nthird line\n")


@both_ways
def test_the_errors_are_a_file_for_print(
    server: LiveServer, client: RawClient, prefix: str
) -> None:
    assert client.get(f"{prefix}/prints").body == b"logged"
    server.wait_for_log("printed to wsgi.errors\n")
    server.wait_for_log("printed to stdout\n")


@both_ways
def test_an_app_that_raises_answers_500_and_the_log_says_why(
    server: LiveServer, client: RawClient, prefix: str
) -> None:
    response = client.get(f"{prefix}/raises")
    assert (response.status, response.reason) == (500, "Internal Server Error")
    assert response.header("Content-Length") == str(len(response.body))
    server.wait_for_log("ValueError: a secret that belongs into the log only")
    assert "failing.py" in server.log()
    assert_serves(server)


def test_the_client_learns_nothing_of_the_failure(client: RawClient) -> None:
    response = client.get("/raises")
    assert b"secret" not in response.body
    assert b"Traceback" not in response.body


def test_a_500_to_a_head_request_has_no_body(client: RawClient) -> None:
    assert client.request(b"HEAD /raises HTTP/1.1\r\nHost: test\r\n\r\n").status == 500
    assert client.leftover == b""


@pytest.mark.parametrize("page", ["exits", "interrupts", "raises_unprintable", "raises_at_first"])
def test_whatever_is_raised_the_server_goes_on(
    server: LiveServer, client: RawClient, page: str
) -> None:
    assert client.get(f"/{page}").status == 500
    assert server.is_running
    assert_serves(server)


@both_ways
@pytest.mark.parametrize("query", ["", "?length"])
def test_a_failure_in_the_middle_breaks_the_answer_off(
    server: LiveServer, client: RawClient, prefix: str, query: str
) -> None:
    with pytest.raises(Truncated):
        client.get(f"{prefix}/raises_later{query}")
    server.wait_for_log("ValueError: in the middle")
    assert_serves(server)


@both_ways
def test_an_answer_until_close_is_broken_off_with_a_reset(client: RawClient, prefix: str) -> None:
    """An orderly end would make half an answer look whole (RFC 9112 §8)."""
    with pytest.raises(Truncated):
        client.request(f"GET {prefix}/raises_later HTTP/1.0\r\n\r\n".encode())


def test_nothing_of_the_next_pipelined_request_follows_a_broken_answer(client: RawClient) -> None:
    request = b"GET %s HTTP/1.1\r\nHost: test\r\n\r\n"
    with pytest.raises(Truncated):
        client.request(request % b"/raises_later" + request % b"/fine")
