"""The frameworks people use are served: a page, a form with a file, a stream, a failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.conftest import Serve
from tests.support.live_server import LiveServer


@pytest.fixture(scope="module", params=["bottle", "django", "falcon", "flask", "pyramid"])
def server(serve: Serve, request: pytest.FixtureRequest) -> LiveServer:
    return serve(f"framework_{request.param}")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_a_page(server: LiveServer, session: requests.Session) -> None:
    response = session.get(f"{server.url}/hello/Zo%C3%AB%20A")
    assert (response.status_code, response.text) == (200, "hello Zo\u00eb A")
    assert response.headers["Content-Type"].startswith("text/plain")


def test_a_form_with_a_file(server: LiveServer, session: requests.Session) -> None:
    content = bytes(range(256)) * 5000
    for _ in range(2):
        response = session.post(
            f"{server.url}/form",
            data={"field": "value"},
            files={"file": ("some.bin", content, "application/octet-stream")},
        )
        assert (response.status_code, response.text) == (200, f"value some.bin {len(content)}")


def test_a_stream(server: LiveServer, session: requests.Session) -> None:
    response = session.get(f"{server.url}/stream")
    assert response.text == "line 0\nline 1\nline 2\n"
    assert response.headers["Transfer-Encoding"] == "chunked"


def test_a_head_request(server: LiveServer, session: requests.Session) -> None:
    assert session.head(f"{server.url}/stream").content == b""
    assert session.get(f"{server.url}/hello/again").text == "hello again"


def test_what_is_not_there(server: LiveServer, session: requests.Session) -> None:
    assert session.get(f"{server.url}/nowhere").status_code == 404


def test_a_failure(server: LiveServer, session: requests.Session) -> None:
    assert session.get(f"{server.url}/fail").status_code == 500
    server.wait_for_log("RuntimeError: on purpose")
    assert session.get(f"{server.url}/hello/again").text == "hello again"
