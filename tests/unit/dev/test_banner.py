"""What `uncork dev` says when it is ready: short enough for a terminal of 80 columns."""

from __future__ import annotations

import time
from typing import Any

import pytest

from uncork.dev.browser import DebuggerPolicy
from uncork.dev.reloading import Banner


class Server:
    def __init__(self) -> None:
        self.loaded = {
            "version": "0.1.0",
            "name": "hello:app",
            "origin": "imported from `hello.py`",
        }
        self.places = ["http://127.0.0.1:5000", "http://192.0.2.2:5000 (on every IPv4 address)"]


def said(capsys: pytest.CaptureFixture[str], **facts: Any) -> list[str]:
    Banner(time.monotonic()).say(Server(), facts, is_failure=False)  # type: ignore[arg-type]
    return capsys.readouterr().err.splitlines()


def test_each_line_fits(capsys: pytest.CaptureFixture[str]) -> None:
    why_off = DebuggerPolicy(hosts=("0.0.0.0",)).why_off
    lines = said(capsys, debugger_pin=None, debugger_why_off=why_off)
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines] == [
        "uncork", "\u279c", "\u279c", "reload:", "no", "Ctrl+C", "for",
    ]  # fmt: skip


def test_what_is_short_stands_together(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, debugger_pin="123-456-789", debugger_why_off=None)
    assert lines[3] == "  reload: off · debugger PIN: 123-456-789"
