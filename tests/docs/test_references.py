"""The reference pages that are written by hand say what the code does."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import APPS
from tests.docs.pages import ROOT
from tests.support.live_server import LiveServer
from uncork.settings import declarations
from uncork.supervisor.signals import ACTIONS

REFERENCE = ROOT / "docs" / "reference"


def first_cells(page: str) -> list[str]:
    """The first cell of each row of the page's tables."""
    return re.findall(r"^\| ([^|]+) \|", (REFERENCE / page).read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def keys() -> Iterator[set[str]]:
    """What stands in the environ of a request with a body, or of one that asks for an upgrade."""
    upload = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    found: set[str] = set()
    with LiveServer("environs:app", directory=APPS) as server, server.client() as client:
        for request in (upload, upgrade):
            found |= set(json.loads(client.request(request).body)["types"])
        yield found


def documented_keys() -> set[str]:
    return {key for cell in first_cells("environ.md") for key in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.slow
def test_every_key_of_the_environ_is_on_its_page(keys: set[str]) -> None:
    assert {key for key in keys if not key.startswith("HTTP_")} - documented_keys() == set()


@pytest.mark.slow
def test_every_key_on_the_page_is_in_the_environ(keys: set[str]) -> None:
    assert documented_keys() - {"HTTP_…"} - keys == set()


def test_every_signal_that_is_handled_is_on_its_page() -> None:
    text = (REFERENCE / "signals.md").read_text()
    names = {signal.Signals(number).name.removeprefix("SIG") for number in ACTIONS}
    assert {name for name in names if not re.search(rf"\| .*\b{name}\b.* \|", text)} == set()


def test_every_status_of_uncork_s_own_is_on_its_page() -> None:
    source = Path(ROOT / "crates/protocol/src/http1/response.rs").read_text()
    phrases = source.partition("fn reason_phrase")[2].partition("\n}")[0]
    known = set(re.findall(r"\b(\d{3}) =>", phrases))
    assert {cell for cell in first_cells("answers.md") if cell.isdigit()} == known


def test_every_setting_that_the_table_of_answers_names_exists() -> None:
    rows = re.findall(r"^\| \d.*\|$", (REFERENCE / "answers.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[-2])}
    assert named - {declaration.name for declaration in declarations()} == set()
