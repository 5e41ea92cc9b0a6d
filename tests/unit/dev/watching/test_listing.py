from pathlib import Path

import pytest

from uncork.dev.watching import WatchList
from uncork.dev.watching.file_systems import FileSystems
from uncork.dev.watching.listing import Lister, Listing

NO_SYSTEMS = FileSystems()


def listing(root: Path, max_folders: int = 100, systems=NO_SYSTEMS, **more) -> Listing:
    listed = WatchList.of(roots=[root], **more)
    return Lister(listed, systems, max_folders=max_folders).all()


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def names(found: Listing, root: Path) -> set[str]:
    return {str(Path(path).relative_to(root)) for path in found.files}


def test_only_what_counts_is_listed(tmp_path):
    write(tmp_path, "a.py", "b.txt", ".env", ".env.local", ".env.example", "p/c.py", "p/c.pyc")
    assert names(listing(tmp_path), tmp_path) == {"a.py", ".env", ".env.local", "p/c.py"}


def test_folders_that_are_left_out_are_not_gone_into(tmp_path):
    write(tmp_path, "node_modules/a/b.py", ".git/c.py", "venv/pyvenv.cfg", "venv/lib/d.py", "e.py")
    found = listing(tmp_path)
    assert names(found, tmp_path) == {"e.py"}
    assert set(found.folders) == {str(tmp_path), str(tmp_path.parent)}


def test_a_folder_that_the_app_names_counts_wherever_it_is(tmp_path):
    write(tmp_path, "dist/app.js", "views/page.tpl", "assets/logo.png")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("dist/\n*.png\n")
    found = listing(
        tmp_path,
        templates=[tmp_path / "views"],
        statics=[tmp_path / "dist", tmp_path / "assets"],
    )
    assert names(found, tmp_path) == {"dist/app.js", "views/page.tpl"}


def test_folders_that_lead_in_a_circle_are_listed_once(tmp_path):
    write(tmp_path, "p/a.py")
    (tmp_path / "p/again").symlink_to(tmp_path)
    assert names(listing(tmp_path), tmp_path) == {"p/a.py"}


def test_where_there_are_too_many_folders_the_nearest_are_watched(tmp_path):
    write(tmp_path, "a/b/c/d/e.py", "f/g.py")
    found = listing(tmp_path, max_folders=3)
    assert found.is_cut
    assert names(found, tmp_path) == {"f/g.py"}


def test_a_file_system_in_the_middle_of_a_project_may_be_silent(tmp_path):
    write(tmp_path, "near/a.py", "far/deep/b.py")
    types = {"/": "ext4", f"{tmp_path}/far": "9p", f"{tmp_path}/far/deep": "ext4"}
    found = listing(tmp_path, systems=FileSystems(types))
    silent = {path: each.silent for path, each in found.folders.items() if each.silent}
    assert silent == {f"{tmp_path}/far": "9p"}


@pytest.mark.parametrize("exclude", ["*/skipped/*", "skipped/*"])
def test_a_folder_that_the_user_leaves_out_is_not_gone_into(tmp_path, exclude):
    write(tmp_path, "skipped/a.py", "b.py")
    found = listing(tmp_path, exclude=[exclude])
    assert names(found, tmp_path) == {"b.py"}
    assert f"{tmp_path}/skipped" not in found.folders


def test_of_a_home_only_the_files_in_it_are_watched(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, "a.py", "other_project/b.py")
    assert names(listing(tmp_path), tmp_path) == {"a.py"}
    write(tmp_path, "pyproject.toml")
    assert names(listing(tmp_path), tmp_path) == {"a.py", "other_project/b.py"}
