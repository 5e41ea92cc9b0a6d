"""A project folder to write files into, and `with_app` called on it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from uncork.app_locator import AppSpec, LocatedApp, with_app


class Project:
    """The working directory of one test; what it imports is forgotten afterwards."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"))
        return file

    def locate(
        self,
        text: str | None,
        *arguments: str,
        source: str = "the argument",
        is_factory_call: bool = False,
        use: Callable[[LocatedApp], None] | None = None,
        **settings: Any,
    ) -> LocatedApp:
        """The app that `use` was called with; exactly one call is expected."""
        calls: list[LocatedApp] = []

        def keep(located: LocatedApp) -> None:
            calls.append(located)
            if use is not None:
                use(located)

        spec = AppSpec(text, source, is_factory_call)
        with_app(spec, keep, script_arguments=arguments, **settings)
        assert len(calls) == 1
        return calls[0]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield Project(folder)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is None or str(file).startswith(str(folder)):
            del sys.modules[name]
