"""The three paths of the admin listener, on facts that are made up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from uncork.supervisor.admin.app import AdminApp
from uncork.supervisor.admin.exposition import OPENMETRICS, PROMETHEUS, Family
from uncork.supervisor.admin.metrics import METRICS


@dataclass
class FakeServer:
    dead: str | None = None
    unready: str | None = None

    def why_not_alive(self) -> str | None:
        return self.dead

    def why_not_ready(self) -> str | None:
        return self.unready

    def families(self) -> Iterable[Family]:
        return [Family(METRICS.generation, {(): 3})]


@dataclass
class Answer:
    status: str
    headers: dict[str, str]
    text: str


def ask(server: FakeServer, path: str, method: str = "GET", **more: str) -> Answer:
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "REQUEST_METHOD": method,
    }
    environ |= more
    setup_testing_defaults(environ)
    heads: list[tuple[str, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        heads.append((status, dict(headers)))
        return lambda data: None

    iterable = validator(AdminApp(server))(environ, start_response)
    body = b"".join(iterable)
    iterable.close()  # type: ignore[attr-defined]
    (head,) = heads
    return Answer(*head, body.decode())


def test_a_supervisor_that_lives_is_ok():
    answer = ask(FakeServer(), "/livez")
    assert (answer.status, answer.text) == ("200 OK", "ok\n")


def test_one_that_does_not_is_503_and_the_body_says_why():
    answer = ask(FakeServer(dead="it sleeps"), "/livez")
    assert answer.status == "503 Service Unavailable"
    assert answer.text == "not ok: it sleeps\n"


def test_readiness_is_apart_from_life():
    server = FakeServer(unready="the server is draining")
    assert ask(server, "/livez").status == "200 OK"
    answer = ask(server, "/readyz")
    assert answer.status == "503 Service Unavailable"
    assert answer.text == "not ready: the server is draining\n"
    assert ask(FakeServer(), "/readyz").text == "ready\n"


def test_no_answer_may_be_kept():
    assert ask(FakeServer(), "/readyz").headers["Cache-Control"] == "no-store"


def test_an_unknown_path_is_told_those_that_there_are():
    answer = ask(FakeServer(), "/health")
    assert answer.status == "404 Not Found"
    assert answer.text == "there are:\n/livez\n/readyz\n/metrics\n"


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(method: str):
    answer = ask(FakeServer(), "/metrics", method)
    assert answer.status == "405 Method Not Allowed"
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", OPENMETRICS),
        ("*/*", OPENMETRICS),
        # What Prometheus itself sends.
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,"
            "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPENMETRICS,
        ),
        ("text/plain;version=0.0.4", PROMETHEUS),
        ("text/plain;q=0.9, application/openmetrics-text; q=0.1", PROMETHEUS),
        ("text/html, */*;q=0.1", OPENMETRICS),
        ("text/plain;q=nonsense", OPENMETRICS),
        ("text/*", PROMETHEUS),
    ],
)
def test_the_format_is_as_the_scraper_wants_it(accept: str, content_type: str):
    answer = ask(FakeServer(), "/metrics", HTTP_ACCEPT=accept)
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["Vary"] == "Accept"
    assert ("# EOF" in answer.text) == (content_type == OPENMETRICS)
    assert "uncork_generation 3\n" in answer.text
