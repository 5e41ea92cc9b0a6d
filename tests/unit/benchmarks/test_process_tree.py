import subprocess
import sys

import pytest

from benchmarks.measure.process_tree import ProcessTree, cpu_between
from benchmarks.samples import Disqualified

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "print('here', flush=True); input()"])
child.wait()
"""


def test_children_count_for_the_tree() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        tree = ProcessTree(parent.pid)
        processes, pss_mib, times = tree.pids(), tree.pss_mib(), tree.cpu_seconds()
        parent.communicate(b"\n")

    assert len(processes) == 2
    assert processes[0] == parent.pid
    assert set(times) == set(processes)
    assert pss_mib > 1


def test_a_process_that_came_later_counts_from_its_start() -> None:
    assert cpu_between({1: 2.0}, {1: 3.0, 2: 0.5}) == 1.5


def test_a_process_that_is_gone_disqualifies() -> None:
    with pytest.raises(Disqualified, match="1 of the server's processes"):
        cpu_between({1: 2.0, 2: 1.0}, {1: 3.0})
