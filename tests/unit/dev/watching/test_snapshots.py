import os

import pytest

from uncork.dev.watching.listing import stamp_of
from uncork.dev.watching.snapshots import Snapshots


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("# 1\n")
    return file


def known(file, *, is_read: bool = True) -> Snapshots:
    snapshots = Snapshots()
    snapshots.adopt([(str(file), stamp_of(str(file)))])
    if is_read:
        assert not snapshots.read_some(5)
    return snapshots


def test_another_content_is_a_change_once(file):
    snapshots = known(file)
    file.write_text("# 22\n")
    assert snapshots.has_changed(str(file))
    assert not snapshots.has_changed(str(file))


def test_a_time_alone_is_no_change(file):
    snapshots = known(file)
    os.utime(file, (1, 1))
    assert not snapshots.has_changed(str(file))


def test_a_time_is_a_change_while_the_content_is_unknown(file):
    snapshots = known(file, is_read=False)
    os.utime(file, (1, 1))
    assert snapshots.has_changed(str(file))


def test_a_large_file_is_not_read(file):
    file.write_bytes(b"#" * (1024 * 1024))
    snapshots = known(file)
    os.utime(file, (1, 1))
    assert snapshots.has_changed(str(file))


def test_a_file_that_was_written_before_it_was_read_is_a_change(file):
    snapshots = known(file, is_read=False)
    file.write_text("# 22\n")
    snapshots.read_some(5)
    assert snapshots.has_changed(str(file))


def test_what_is_gone_or_new_is_a_change(file):
    snapshots = known(file)
    file.unlink()
    assert snapshots.has_changed(str(file))
    assert not snapshots.has_changed(str(file))
    file.write_text("# 1\n")
    assert snapshots.has_changed(str(file))


def test_a_file_that_lost_its_content_is_halfway(file):
    snapshots = known(file)
    assert not snapshots.is_halfway(str(file))
    file.write_text("")
    assert snapshots.is_halfway(str(file))
    file.unlink()
    assert snapshots.is_halfway(str(file))


def test_what_is_not_watched_any_longer_is_forgotten(file):
    snapshots = known(file)
    snapshots.forget_all_but([])
    assert len(snapshots) == 0
