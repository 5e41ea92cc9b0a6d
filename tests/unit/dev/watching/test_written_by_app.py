import os
import subprocess
import sys
from pathlib import Path

import pytest

from uncork.dev.watching import Change
from uncork.dev.watching.written_by_app import WrittenByApp, written_by

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_only_files_that_are_open_for_writing_are_found(tmp_path):
    (tmp_path / "read").write_text("")
    with (tmp_path / "read").open(), (tmp_path / "written").open("a"):
        found = set(written_by(os.getpid()))
    assert str(tmp_path / "written") in found
    assert str(tmp_path / "read") not in found


def test_a_file_counts_again_some_time_after_it_was_closed(tmp_path):
    changes = [Change(tmp_path / "a.svg", "static"), Change(tmp_path / "b.py", "python")]
    written = WrittenByApp(lambda: [os.getpid()])
    with (tmp_path / "a.svg").open("w"):
        assert written.left_of(changes, 100.0) == changes[1:]
    assert written.left_of(changes, 101.0) == changes[1:]
    assert written.left_of(changes, 103.0) == changes


def test_what_the_app_has_started_belongs_to_it(tmp_path):
    path = tmp_path / "a.css"
    with path.open("w") as file:
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
    try:
        change = Change(path, "static")
        assert WrittenByApp(lambda: [os.getpid()]).left_of([change], 0.0) == []
        assert WrittenByApp(list).left_of([change], 0.0) == [change]
    finally:
        child.communicate(b"")


def test_a_process_that_is_gone_has_nothing_open():
    assert list(written_by(2**22 - 1)) == []
    assert Path("/proc").is_dir()
