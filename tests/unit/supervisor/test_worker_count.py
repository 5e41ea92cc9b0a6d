import os
from pathlib import Path

import pytest

from uncork.settings import resolve
from uncork.supervisor.cgroup import Cgroup
from uncork.supervisor.worker_count import MemoryBudget, WorkerCount, count_for, worker_count


@pytest.mark.parametrize(
    ("usable", "present", "quota", "number", "reason"),
    [
        (4, 4, None, 4, "one for each CPU"),
        (2, 8, None, 2, "one for each CPU it may use"),
        (1, 1, None, 1, "there is one CPU"),
        (8, 8, 1.5, 2, "the CPU quota is 1.5"),
        (8, 8, 0.1, 1, "the CPU quota is 0.1"),
        (2, 2, 4.0, 2, "one for each CPU"),
    ],
)
def test_the_machine_gives(usable, present, quota, number, reason):
    assert count_for(usable, present, quota) == WorkerCount(number, reason)


def test_a_number_that_is_set_wins_and_its_origin_is_the_reason(tmp_path):
    resolved = resolve(flags={}, environ={"WEB_CONCURRENCY": "5"}, directory=tmp_path)
    assert worker_count(resolved) == WorkerCount(5, "`WEB_CONCURRENCY`")


def test_auto_is_at_least_one_and_at_most_one_for_each_cpu(tmp_path):
    resolved = resolve(flags={}, environ={}, directory=tmp_path)
    assert 1 <= worker_count(resolved).number <= (os.cpu_count() or 1)


def cgroup(folder: Path, own: str, files: dict[str, str]) -> Cgroup:
    (folder / "proc").mkdir()
    (folder / "proc/cgroup").write_text(own)
    for name, text in files.items():
        path = folder / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Cgroup(folder / "proc", folder / "mount")


def test_the_quota_of_version_2_is_read(tmp_path):
    files = {"a/b/cpu.max": "150000 100000\n"}
    assert cgroup(tmp_path, "0::/a/b\n", files).cpu_quota() == 1.5


def test_the_lowest_quota_above_holds(tmp_path):
    files = {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}
    assert cgroup(tmp_path, "0::/a/b\n", files).cpu_quota() == 2.0


def test_in_a_container_the_root_is_its_own_group(tmp_path):
    files = {"cpu.max": "50000 100000\n"}
    assert cgroup(tmp_path, "0::/../somewhere\n", files).cpu_quota() == 0.5


def test_the_quota_of_version_1_is_read(tmp_path):
    files = {"cpu,cpuacct/a/cpu.cfs_quota_us": "200000", "cpu,cpuacct/a/cpu.cfs_period_us": "50000"}
    assert cgroup(tmp_path, "4:cpu,cpuacct:/a\n0::/\n", files).cpu_quota() == 4.0


def test_no_limit_of_version_1_is_none(tmp_path):
    files = {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}
    assert cgroup(tmp_path, "4:cpu:/a\n", files).cpu_quota() is None


def test_without_cgroups_there_is_no_quota_and_nothing_is_known(tmp_path):
    group = Cgroup(tmp_path, tmp_path)
    assert (group.cpu_quota(), group.out_of_memory_kills()) == (None, None)


@pytest.mark.parametrize(
    ("own", "name"),
    [("0::/a\n", "a/memory.events"), ("9:memory:/a\n", "memory/a/memory.oom_control")],
)
def test_deaths_for_want_of_memory_are_counted(tmp_path, own, name):
    files = {name: "oom_kill_disable 0\noom_kill 3\n"}
    assert cgroup(tmp_path, own, files).out_of_memory_kills() == 3


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "536870912\n"}, 512),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "268435456\n"}, 256),
        ("0::/a/b\n", {"a/b/memory.max": "536870912\n", "a/memory.max": "268435456\n"}, 256),
        ("0::/../somewhere\n", {"memory.max": "134217728\n"}, 128),
        ("0::/a\n", {"a/memory.max": "max\n"}, None),
        ("9:memory:/a\n", {"memory/a/memory.limit_in_bytes": "67108864\n"}, 64),
        (
            "9:memory:/a/b\n",
            {
                "memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
                "memory/a/memory.limit_in_bytes": "67108864\n",
            },
            64,
        ),
        ("9:memory:/a\n", {"memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("0::/a\n", {}, None),
    ],
)
def test_the_lowest_limit_of_memory_holds(tmp_path, own, files, limit):
    expected = None if limit is None else limit * MIB
    assert cgroup(tmp_path, own, files).memory_limit() == expected


MIB = 1024**2
EIGHT = WorkerCount(8, "one for each CPU")


def budget(folder: Path, limit: str, available_mib: int | None) -> MemoryBudget:
    meminfo = folder / "meminfo"
    if available_mib is not None:
        meminfo.write_text(
            f"MemTotal:  99999999 kB\nMemFree: 1 kB\nMemAvailable:  {available_mib * 1024} kB\n"
        )
    return MemoryBudget(cgroup(folder, "0::/\n", {"memory.max": f"{limit}\n"}), meminfo)


@pytest.mark.parametrize(
    ("limit", "available", "each", "number", "reason"),
    [
        (512 * MIB, 9999, 190, 2, "memory for 2 of 8: the limit is 512 MiB, 190 MiB each"),
        (512 * MIB, 9999, 51, 8, EIGHT.reason),
        (512 * MIB, 9999, 52, 7, "memory for 7 of 8: the limit is 512 MiB, 52 MiB each"),
        (128 * MIB, 9999, 190, 1, "memory for 1 of 8: the limit is 128 MiB, 190 MiB each"),
        ("max", 300, 100, 3, "memory for 3 of 8: what is available is 400 MiB, 100 MiB each"),
        (512 * MIB, 300, 100, 3, "memory for 3 of 8: what is available is 400 MiB, 100 MiB each"),
        ("max", None, 100_000, 8, EIGHT.reason),
    ],
)
def test_there_are_no_more_workers_than_fit_into_the_memory(
    tmp_path, limit, available, each, number, reason
):
    found = budget(tmp_path, str(limit), available).bounded(EIGHT, each * MIB, may_reduce=True)
    assert found == WorkerCount(number, reason)


def test_what_is_available_is_that_of_the_start_as_the_workers_take_it(tmp_path):
    memory = budget(tmp_path, "max", 300)
    memory.bounded(EIGHT, 100 * MIB, may_reduce=True)
    (tmp_path / "meminfo").write_text("MemAvailable: 1024 kB\n")
    assert memory.bounded(EIGHT, 100 * MIB, may_reduce=True).number == 3


def test_a_number_that_is_set_stays_and_is_doubted(tmp_path, capsys):
    asked = WorkerCount(8, "`--workers`")
    memory = budget(tmp_path, str(512 * MIB), 9999)
    assert memory.bounded(asked, 190 * MIB, may_reduce=False) == asked
    assert capsys.readouterr().err == (
        "note: 8 workers (`--workers`) may be too many: each takes 190 MiB with the app loaded, "
        "and the limit is 512 MiB\n"
    )
