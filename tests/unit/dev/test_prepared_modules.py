from __future__ import annotations

import importlib.machinery
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from uncork.dev.prepared_modules import Wanted, others_path, stamp, strangers


def add_module(patch: pytest.MonkeyPatch, name: str, file: Path) -> None:
    module = ModuleType(name)
    module.__file__ = str(file)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    patch.setitem(sys.modules, name, module)


def test_modules_of_others_are_told_from_those_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_module(monkeypatch, "mine", tmp_path / "mine.py")
    add_module(monkeypatch, "theirs", tmp_path / "lib/site-packages/theirs.py")
    wanted = Wanted.of_this_process()
    assert json.__name__ == "json"
    assert "mine" in wanted.own
    assert {"theirs", "json", "uncork.dev.prepared_modules"} <= set(wanted.modules)
    assert "mine" in strangers()
    assert "theirs" not in strangers()


def test_a_module_that_stands_under_another_name_is_none() -> None:
    assert "os.path" not in Wanted.of_this_process().modules


def test_facts_are_read_back() -> None:
    wanted = Wanted(("flask", "click"), frozenset({"hello"}), "/project")
    assert Wanted.from_facts(wanted.facts()) == wanted


def test_what_replaces_the_standard_library_is_not_imported_before() -> None:
    assert not Wanted(("gevent", "flask"), frozenset(), "").is_possible
    assert not Wanted((), frozenset(), "").is_possible
    assert Wanted(("flask",), frozenset(), "").is_possible


def test_fewer_modules_need_no_other_process() -> None:
    more = Wanted(("flask", "click"), frozenset(), "/project")
    assert Wanted(("click",), frozenset(), "/project").is_covered_by(more)
    assert not Wanted(("django",), frozenset(), "/project").is_covered_by(more)
    assert not Wanted(("click",), frozenset(), "/elsewhere").is_covered_by(more)


def test_a_new_file_shadows_a_module(tmp_path: Path) -> None:
    wanted = Wanted(("flask.app",), frozenset(), str(tmp_path))
    assert not wanted.is_shadowed()
    (tmp_path / "flask").mkdir()
    assert wanted.is_shadowed()


def test_the_projects_folder_is_not_searched(tmp_path: Path) -> None:
    packages = str(tmp_path / "lib/site-packages")
    assert others_path([str(tmp_path), "", packages]) == [packages]


def test_an_installed_package_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.setattr(sys, "path", [str(packages)])
    before = stamp()
    (packages / "new").mkdir()
    assert stamp() != before
