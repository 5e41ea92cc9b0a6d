from __future__ import annotations

import importlib.machinery
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from uncork.dev.prepared_modules import (
    Wanted,
    environ_digest,
    others_path,
    stamp,
    strangers,
)


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


def wanted_of(*modules: str, root: str = "", environ: str = "") -> Wanted:
    return Wanted(modules, frozenset(), root, environ)


def test_facts_are_read_back() -> None:
    wanted = Wanted(("flask", "click"), frozenset({"hello"}), "/project", "digest")
    assert Wanted.from_facts(wanted.facts()) == wanted


def test_what_replaces_the_standard_library_is_not_imported_before() -> None:
    assert not wanted_of("gevent", "flask").is_possible
    assert not wanted_of().is_possible
    assert wanted_of("flask").is_possible


def test_fewer_modules_need_no_other_process_and_another_environment_does() -> None:
    more = wanted_of("flask", "click", root="/project", environ="a")
    assert wanted_of("click", root="/project", environ="a").is_covered_by(more)
    assert wanted_of("click", "json", root="/project", environ="a").is_covered_by(more)
    assert not wanted_of("never_imported", root="/project", environ="a").is_covered_by(more)
    assert not wanted_of("click", root="/elsewhere", environ="a").is_covered_by(more)
    assert not wanted_of("click", root="/project", environ="b").is_covered_by(more)


def test_the_environment_that_a_worker_ended_up_with_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Wanted.of_this_process().environ
    assert before == environ_digest()
    monkeypatch.setenv("SET_BY_THE_APP", "1")
    assert Wanted.of_this_process().environ == environ_digest() != before
    monkeypatch.delenv("SET_BY_THE_APP")
    assert environ_digest() == before


def test_what_python_would_import_shadows_a_module(tmp_path: Path) -> None:
    wanted = wanted_of("flask.app", "html", "json", "logging", "secrets", root=str(tmp_path))
    # Folders and files that only have the name of a module are no modules.
    for folder in ("html", "json", "secrets"):
        (tmp_path / folder).mkdir()
    (tmp_path / "logging.conf").touch()
    assert not wanted.is_shadowed()
    for file in (
        "flask.py",
        "json/__init__.py",
        f"html{importlib.machinery.EXTENSION_SUFFIXES[0]}",
    ):
        (tmp_path / file).touch()
        assert wanted.is_shadowed()
        (tmp_path / file).unlink()
    assert not wanted.is_shadowed()


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
