"""Where a module is imported from, and what Python's own lists look like meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.app_locator.conftest import Project
from uncork.app_locator.importing import place_module, started_from


@pytest.mark.parametrize(
    ("typed", "name", "root"),
    [
        ("hello", "hello", "."),
        ("hello.py", "hello", "."),
        ("pkg", "pkg", "."),
        ("pkg/", "pkg", "."),
        ("pkg/__init__.py", "pkg", "."),
        ("pkg/sub/web.py", "pkg.sub.web", "."),
        ("pkg.sub.web", "pkg.sub.web", "."),
        ("loose/pkg/web.py", "pkg.web", "loose"),
        ("loose/web.py", "web", "loose"),
        ("../project/hello.py", "hello", "."),
    ],
)
def test_the_root_is_found_by_climbing_out_of_packages(
    project: Project, typed: str, name: str, root: str
) -> None:
    for file in ("hello.py", "pkg/sub/web.py", "loose/pkg/web.py", "loose/web.py"):
        project.write(file, "")
    for package in ("pkg", "pkg/sub", "loose/pkg"):
        project.write(f"{package}/__init__.py", "")
    place = place_module(typed)
    assert (place.name, place.root) == (name, (project.path / root).resolve())


def test_a_link_is_followed_to_its_package(project: Project) -> None:
    project.write("real/pkg/__init__.py", "")
    project.write("real/pkg/web.py", "")
    (project.path / "web.py").symlink_to("real/pkg/web.py")
    assert place_module("web.py").name == "pkg.web"


class TestStartedFrom:
    def test_the_folder_of_the_command_is_not_searched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The `bin` of an environment holds a `bottle.py`, which is not the library."""
        command = tmp_path / "bin" / "uncork"
        monkeypatch.setattr(sys, "argv", [str(command), "serve"])
        monkeypatch.setattr(sys, "path", [str(command.parent), "/elsewhere"])
        with started_from(tmp_path, ["hello.py", "-x"]):
            assert sys.path == [str(tmp_path), "/elsewhere"]
            assert sys.argv == ["hello.py", "-x"]
        assert sys.path == [str(command.parent), "/elsewhere"]
        assert sys.argv == [str(command), "serve"]

    def test_another_first_entry_is_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", ["/first"])
        with started_from(tmp_path, []):
            assert sys.path == [str(tmp_path), "/first"]
        with started_from(Path("/first"), []):
            assert sys.path == ["/first"]
