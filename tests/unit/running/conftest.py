"""A folder and an environment of its own for each test, and calls of `uncork.run` to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from uncork.running.calling import Call, read_call


def plain(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"hello"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    # What a test sets is what its process was started with.
    monkeypatch.setattr("uncork.running.anew.environ_at_start", lambda: None)
    for name in ("FLASK_DEBUG", "FLASK_SKIP_DOTENV", "PORT", "UNCORK_BIND"):
        os.environ.pop(name, None)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def read(
    app: Any = plain, *, debug: bool | None = None, load_dotenv: bool = True, **given: Any
) -> Call:
    return read_call(app, "hello.py:9", given, debug=debug, load_dotenv=load_dotenv)


def named(name: str | None) -> Flask:
    app = Flask("x")
    app.config["SERVER_NAME"] = name
    return app
