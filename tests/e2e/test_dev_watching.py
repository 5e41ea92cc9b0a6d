"""The watching process on real files: what it tells, what it does not, and how long it lives."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.watch_harness import DEADLINE_SECONDS, Watched, watching
from uncork.dev.watching import WatchList

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small project."""
    root = tmp_path / "project"
    for folder in ("pkg", "templates", "static"):
        (root / folder).mkdir(parents=True)
    for name in ("app.py", "pkg/__init__.py", "pkg/mod.py", "last.py"):
        (root / name).write_text(f"# {name}\n")
    (root / "templates/page.html").write_text("<p>hello</p>\n")
    (root / "static/site.css").write_text("p { color: red }\n")
    return root


@pytest.fixture(params=["events", "polling"])
def either(root: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """The project, watched in each of the two ways."""
    is_forced = request.param == "polling"
    with watching(WatchList.of(roots=[root]), is_polling_forced=is_forced) as watched:
        assert ("polling" in watched.state["mode"]) == is_forced
        yield watched


@pytest.fixture
def watched(root: Path) -> Iterator[Watched]:
    """The project, watched by events."""
    with watching(WatchList.of(roots=[root])) as watched:
        yield watched


def write(path: Path, text: str) -> None:
    """Writes a file at once: on a busy machine, one might else be seen without its content."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def assert_only_the_last_is_told(watched: Watched, root: Path) -> None:
    """What was done before has led to nothing: the next change is the one that is made here."""
    write(root / "last.py", f"# at {time.time_ns()}\n")
    assert watched.next_change() == {"last.py": "python"}


def test_a_file_that_is_written_has_changed(either, root):
    write(root / "app.py", "# another\n")
    assert either.next_change() == {"app.py": "python"}


def test_a_new_file_has_changed(either, root):
    write(root / "pkg/new.py", "")
    assert either.next_change() == {"new.py": "python"}


def test_a_file_that_is_deleted_has_changed(either, root):
    (root / "pkg/mod.py").unlink()
    assert either.next_change() == {"mod.py": "python"}


def test_a_file_that_is_renamed_has_changed_under_both_names(either, root):
    (root / "pkg/mod.py").rename(root / "pkg/moved.py")
    assert either.next_change() == {"mod.py": "python", "moved.py": "python"}


def test_a_file_is_replaced_by_one_with_an_older_time(either, root, tmp_path):
    older = tmp_path / "older.py"
    older.write_text("# from last year\n")
    os.utime(older, (1_700_000_000, 1_700_000_000))
    older.rename(root / "app.py")
    assert either.next_change() == {"app.py": "python"}


def test_what_leaves_the_content_as_it_is_is_no_change(either, root):
    assert_only_the_last_is_told(either, root)  # by now, the contents are known
    os.utime(root / "app.py")
    write(root / "pkg/mod.py", "# pkg/mod.py\n")
    temporary = root / "templates/page.html.new"
    temporary.write_text("<p>hello</p>\n")
    temporary.rename(root / "templates/page.html")
    (root / "static/site.css").chmod(0o600)
    assert_only_the_last_is_told(either, root)


def test_a_template_a_static_file_and_the_environment_are_told_apart(watched, root):
    write(root / "templates/page.html", "<p>hello, you</p>\n")
    assert watched.next_change() == {"page.html": "template"}
    write(root / "static/site.css", "p { color: blue }\n")
    assert watched.next_change() == {"site.css": "static"}
    write(root / ".env", "A=1\n")
    assert watched.next_change() == {".env": "environment"}


@pytest.mark.parametrize("backup", ["app.py~", ".app.py.swp"])
def test_an_editor_that_writes_anew_what_it_has_renamed_makes_one_change(watched, root, backup):
    def save(number: int) -> None:
        (root / "4913").write_text("")
        (root / "4913").unlink()
        (root / "app.py").rename(root / backup)
        (root / "app.py").write_text(f"# written by vim, {number}\n")
        (root / backup).unlink()

    at_once(watched, root, save)


def test_an_editor_that_writes_into_the_file_makes_one_change(watched, root):
    at_once(watched, root, lambda number: (root / "app.py").write_text(f"# {number}\n"))


def at_once(watched: Watched, root: Path, save: Callable[[int], object]) -> None:
    """Saving makes one change, if it does not take long; else again."""
    for number in range(20):
        begun = time.monotonic()
        save(number)
        took = time.monotonic() - begun
        if took < 0.02:
            assert watched.next_change() == {"app.py": "python"}
            assert_only_the_last_is_told(watched, root)
            return
        write(root / "last.py", f"# {number}\n")
        while "last.py" not in watched.next_change():
            pass
    pytest.skip("this machine is too busy to save a file at once")


def test_an_editor_that_renames_what_it_has_written_makes_one_change(watched, root):
    for name in ("app.py.tmp.12345", "app.py___jb_tmp___", ".goutputstream-AB12"):
        write(root / name, f"# {name}\n")
        (root / name).rename(root / "app.py")
        assert watched.next_change() == {"app.py": "python"}
    assert_only_the_last_is_told(watched, root)


def test_many_files_that_are_written_one_by_one_are_one_change(watched, root):
    for number in range(200):
        write(root / f"pkg/each_{number}.py", f"# {number}\n")
    names = set(watched.next_change())
    while len(names) < 200:  # a busy machine may pause in between
        names |= set(watched.next_change())
    assert_only_the_last_is_told(watched, root)


def test_nobodys_source_is_watched(watched, root):
    (root / "venv").mkdir()
    write(root / "venv/pyvenv.cfg", "home = /usr\n")
    for name in ("node_modules/a", "__pycache__", ".git", ".tox/x", "venv/lib", "build/lib"):
        (root / name).mkdir(parents=True)
        write(root / name / "mod.py", "")
    for name in ("app.log", "data.json", "README.md", "static/upload.db", "pkg/mod.pyc"):
        write(root / name, "text")
    with sqlite3.connect(root / "app.sqlite") as database:
        database.execute("create table t (a)")
    database.close()
    assert_only_the_last_is_told(watched, root)
    write(root / "node_modules/a/mod.py", "# again")
    write(root / "venv/lib/mod.py", "# again")
    assert_only_the_last_is_told(watched, root)


def test_what_git_leaves_out_is_not_watched_except_for_the_environment(root):
    (root / ".git").mkdir()
    write(root / ".gitignore", ".env\n*_gen.py\n/out/\n!kept_gen.py\nstatic/site.css\n")
    (root / "out").mkdir()
    with watching(WatchList.of(roots=[root])) as watched:
        write(root / "pkg/some_gen.py", "")
        write(root / "out/mod.py", "")
        assert_only_the_last_is_told(watched, root)
        write(root / ".env", "A=1\n")
        assert watched.next_change() == {".env": "environment"}
        write(root / "kept_gen.py", "")
        assert watched.next_change() == {"kept_gen.py": "python"}
        write(root / "static/site.css", "/* built */\n")
        assert watched.next_change() == {"site.css": "static"}


def test_other_rules_of_git_hold_at_once(root):
    (root / ".git").mkdir()
    write(root / ".gitignore", "*_gen.py\n")
    with watching(WatchList.of(roots=[root])) as watched:
        write(root / ".gitignore", "")
        assert_only_the_last_is_told(watched, root)
        write(root / "some_gen.py", "")
        assert watched.next_change() == {"some_gen.py": "python"}


def test_a_file_that_the_app_has_open_for_writing_does_not_count(root):
    with watching(WatchList.of(roots=[root]), workers=[os.getpid()]) as watched:
        with (root / "static/plot.svg").open("w") as plot, (root / "app.py").open():
            plot.write("<svg/>")
            plot.flush()
            write(root / "app.py", "# open for reading only\n")
            assert watched.next_change() == {"app.py": "python"}
        assert_only_the_last_is_told(watched, root)


def test_what_the_user_leaves_out_does_not_count(root):
    (root / "tests").mkdir()
    patterns = ["*/pkg/mod.py", "tests/*", "*.css"]
    with watching(WatchList.of(roots=[root], exclude=patterns)) as watched:
        write(root / "pkg/mod.py", "# 2\n")
        write(root / "tests/test_app.py", "# 2\n")
        write(root / "static/site.css", "/* 2 */\n")
        assert_only_the_last_is_told(watched, root)


def test_extra_files_folders_and_globs_count(root, tmp_path):
    outside = tmp_path / "outside"
    (outside / "data/deep").mkdir(parents=True)
    (outside / "folder").mkdir()
    extra = [outside / "one.yaml", outside / "folder", outside / "data/**/*.toml"]
    with watching(WatchList.of(roots=[root], extra=extra)) as watched:
        write(outside / "two.yaml", "")
        write(outside / "data/deep/not.txt", "")
        assert_only_the_last_is_told(watched, root)
        write(outside / "one.yaml", "a: 1")
        assert watched.next_change() == {"one.yaml": "other"}
        write(outside / "folder/any.txt", "text")
        assert watched.next_change() == {"any.txt": "other"}
        write(outside / "data/deep/a.toml", "")
        assert watched.next_change() == {"a.toml": "other"}


def test_single_files_count_wherever_they_are(root, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for name in ("helper.py", "neighbour.py", "vars", "uncork.toml"):
        (tmp_path / "elsewhere" / name).write_text("")
    there = tmp_path / "elsewhere"
    listed = WatchList.of(
        roots=[root],
        files=[there / "helper.py"],
        environment=[there / "vars"],
        settings=[there / "uncork.toml"],
    )
    with watching(listed) as watched:
        write(there / "neighbour.py", "# 2\n")
        assert_only_the_last_is_told(watched, root)
        write(there / "helper.py", "# 2\n")
        assert watched.next_change() == {"helper.py": "python"}
        write(there / "vars", "A=1\n")
        assert watched.next_change() == {"vars": "environment"}
        write(there / "uncork.toml", "threads = 2\n")
        assert watched.next_change() == {"uncork.toml": "settings"}


def test_a_link_to_a_file_elsewhere_is_watched_there(root, tmp_path):
    target = tmp_path / "shared.py"
    target.write_text("# 1\n")
    (root / "linked.py").symlink_to(target)
    with watching(WatchList.of(roots=[root])) as watched:
        write(target, "# 2\n")
        assert watched.next_change() == {"linked.py": "python"}


def test_folders_that_come_go_and_move_are_followed(either, root):
    (root / "deep/er").mkdir(parents=True)
    write(root / "deep/er/mod.py", "# 1\n")
    assert either.next_change() == {"mod.py": "python"}
    write(root / "deep/er/mod.py", "# 2\n")
    assert either.next_change() == {"mod.py": "python"}
    (root / "deep").rename(root / "deeper")
    assert either.next_change() == {"mod.py": "python"}
    write(root / "deeper/er/mod.py", "# 3\n")
    assert either.next_change() == {"mod.py": "python"}
    shutil.rmtree(root / "deeper")
    assert either.next_change() == {"mod.py": "python"}
    (root / "deeper/er").mkdir(parents=True)
    write(root / "deeper/er/mod.py", "# 4\n")
    assert either.next_change() == {"mod.py": "python"}
    assert_only_the_last_is_told(either, root)


def test_a_root_that_is_made_anew_is_watched_again(watched, root):
    root.rename(root.with_name("away"))
    gone = set(watched.next_change())
    while len(gone) < 6:
        gone |= set(watched.next_change())
    shutil.copytree(root.with_name("away"), root)
    back = set(watched.next_change())
    while len(back) < 6:
        back |= set(watched.next_change())
    assert_only_the_last_is_told(watched, root)


def test_another_list_is_watched_from_then_on(watched, root, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    write(more / "mod.py", "")
    watched.watch(WatchList.of(roots=[root, more]))
    write(more / "mod.py", "# 2\n")
    assert watched.next_change() == {"mod.py": "python"}
    watched.watch(WatchList.of(roots=[root]))
    write(more / "mod.py", "# 3\n")
    assert_only_the_last_is_told(watched, root)


def test_a_new_process_takes_the_place_of_one_that_dies_and_misses_nothing(root, tmp_path):
    errors = tmp_path / "errors"
    with watching(WatchList.of(roots=[root]), stderr=errors) as watched:
        for number in range(2):
            before = watched.watcher
            os.kill(before, signal.SIGKILL)
            write(root / "app.py", f"# {number}: after its death\n")
            watched.until_another_process(before)
            # At the latest, once the new one watches.
            write(root / "pkg/mod.py", f"# {number}\n")
            told = set(watched.next_change())
            while "mod.py" not in told:
                told |= set(watched.next_change())
        assert_only_the_last_is_told(watched, root)
    lines = errors.read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("warning: the process that watches files (process ")
    assert "was killed by SIGKILL" in lines[0]


def test_the_process_ends_with_the_supervisor_however_that_dies(watched):
    watcher = watched.watcher
    descriptor = os.pidfd_open(watcher)
    try:
        watched.process.kill()
        assert _has_ended(descriptor)
    finally:
        os.close(descriptor)


def test_ctrl_c_is_not_for_the_watching_process(watched, root):
    watcher = watched.watcher
    os.killpg(watched.process.pid, signal.SIGINT)
    assert_only_the_last_is_told(watched, root)
    assert watched.state["pid"] == watcher


def test_a_project_of_thirteen_thousand_files_is_watched_and_what_it_depends_on_is_not(tmp_path):
    for number in range(520):
        folder = tmp_path / f"p{number % 26}/q{number // 26}"
        folder.mkdir(parents=True)
        for file in range(25):
            (folder / f"m{file}.py").touch()
        (tmp_path / f"node_modules/n{number}").mkdir(parents=True)
        (tmp_path / f"node_modules/n{number}/m.py").touch()
    with watching(WatchList.of(roots=[tmp_path])) as watched:
        assert watched.state["mode"] == "inotify, 13000 files"
        (tmp_path / "p25/q19/m24.py").write_text("# 2\n")
        assert watched.next_change() == {"m24.py": "python"}


def test_without_room_for_more_inotify_watches_files_are_polled(root, tmp_path):
    allowed = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", "echo 2 > /proc/sys/user/max_inotify_watches"],
        capture_output=True,
        check=False,
    )
    if allowed.returncode:
        pytest.skip("no limits of one's own can be set here")
    errors = tmp_path / "errors"
    prefix = (
        "unshare",
        "-Ur",
        "sh",
        "-c",
        'echo 2 > /proc/sys/user/max_inotify_watches; exec "$@"',
        "sh",
    )
    with watching(WatchList.of(roots=[root]), stderr=errors, prefix=prefix) as watched:
        assert watched.state["mode"] == "polling, 6 files"
        write(root / "pkg/mod.py", "# 2\n")
        assert watched.next_change() == {"mod.py": "python"}
    assert errors.read_text().splitlines() == [
        "warning: the limit of folders that may be watched (inotify) is reached: "
        "files are looked at again and again instead",
        "hint: raise it: `sudo sysctl fs.inotify.max_user_watches=524288`",
    ]


def _has_ended(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(DEADLINE_SECONDS * 1000))
