import os
from pathlib import Path

import pytest

from uncork.supervisor.memory import (
    Memory,
    memory_of,
    saved_by_preloading,
    shared_with_parent,
)

ROLLUP = """\
5590a8400000-7ffd1c9f9000 ---p 00000000 00:00 0                          [rollup]
Rss:               40000 kB
Pss:               22000 kB
Pss_Dirty:         15000 kB
Pss_Anon:          16000 kB
Pss_File:           6000 kB
Private_Dirty:      9000 kB
Anonymous:         30000 kB
Locked:                0 kB
"""
KIB = 1024


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/statm").write_text("50000 400 100 1 0 300 0\n")
    return tmp_path


def test_what_is_shared_counts_in_proportion(proc):
    (proc / "7/smaps_rollup").write_text(ROLLUP)
    resident = 400 * os.sysconf("SC_PAGE_SIZE")
    assert memory_of(7, proc=proc) == Memory(resident, 22000 * KIB, 30000 * KIB, 16000 * KIB)


@pytest.mark.parametrize("text", [None, "", "5590a8400000-7ffd1c9f9000 ---p 00 [rollup]\n"])
def test_what_the_system_does_not_tell_is_unknown(proc, text):
    if text is not None:
        (proc / "7/smaps_rollup").write_text(text)
    assert memory_of(7, proc=proc) == Memory(400 * os.sysconf("SC_PAGE_SIZE"), None)


def test_of_a_process_that_has_gone_nothing_is_known(proc):
    assert memory_of(8, proc=proc) == Memory(None, None)


def process(anonymous: int | None, proportional: int | None) -> Memory:
    return Memory(None, None, anonymous, proportional)


def test_what_is_saved_is_what_the_workers_would_have_for_their_own_less_the_template():
    assert saved_by_preloading(process(50, 20), [process(60, 22), process(60, 23)]) == 55


def test_what_is_of_the_supervisor_is_shared_without_a_template_too():
    workers = [process(60, 22), process(60, 23)]
    # Two workers less 12 each, and three processes less a fourth of 12 each.
    assert saved_by_preloading(process(50, 20), workers, 12) == (120 - 24) - (65 - 9)


def test_what_has_not_been_written_to_since_the_fork_is_the_parent_s_too(proc):
    (proc / "self").mkdir()
    assert shared_with_parent(proc=proc) is None
    (proc / "self/smaps_rollup").write_text(ROLLUP)
    assert shared_with_parent(proc=proc) == 21000 * KIB


def test_a_template_with_nothing_to_share_saves_less_than_nothing():
    assert saved_by_preloading(process(50, 50), [process(60, 60)]) == -50


@pytest.mark.parametrize("workers", [[process(60, None)], [process(60, 22), process(None, 2)]])
def test_what_is_not_known_of_one_is_not_known_of_all(workers):
    assert saved_by_preloading(process(50, 20), workers) is None
