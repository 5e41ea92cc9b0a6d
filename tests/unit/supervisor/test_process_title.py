import os
import subprocess
import sys
from pathlib import Path

import pytest

from uncork.supervisor.process_title import fitted

linux = pytest.mark.skipif(sys.platform != "linux", reason="`/proc`")

SHOW = """
import os, sys
from uncork.supervisor.process_title import set_process_title
{before}
arguments, environ = list(sys.argv), dict(os.environ)
set_process_title(os.environ["TITLE"], "uncork-of-sixteen")
assert sys.argv == arguments
assert dict(os.environ) == environ
print(os.environ["MARK"], file=sys.stderr)
print(open("/proc/self/comm").read().strip())
print(open("/proc/self/cmdline").read().rstrip(chr(0)))
"""


def shown(title: str, *arguments: str, before: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(before=before), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MARK": "of the environment", "TITLE": title},
    )
    assert done.stderr == "of the environment\n"
    return done.stdout.splitlines()


@linux
@pytest.mark.parametrize("title", ["uncork: worker 1 hello:app", "mit Umläuten: Käse"])
def test_the_system_shows_the_title_and_the_name_cut_to_15_bytes(title):
    assert shown(title) == ["uncork-of-sixte", title]


@linux
def test_who_may_not_write_to_its_files_any_more_has_a_title_all_the_same():
    if os.geteuid() != 0:
        pytest.skip("root alone can give its rights up")
    before = "import ctypes; os.setgid(65534); os.setuid(65534)"
    assert shown("uncork: worker 1", before=before) == ["uncork-of-sixte", "uncork: worker 1"]


@linux
def test_a_title_that_is_too_long_is_cut_and_leaves_the_environment_alone():
    _, title = shown("x" * 100_000)
    assert set(title) == {"x"}
    assert len(title) < 2000


@pytest.mark.parametrize(
    ("title", "size", "expected"),
    [
        ("worker", 10, b"worker\0\0\0\0"),
        ("worker", 7, b"worker\0"),
        ("worker", 4, b"wor\0"),
        ("wö", 3, b"w\0\0"),
        ("worker", 1, b"\0"),
    ],
)
def test_a_title_is_cut_between_characters_and_ends_with_a_zero(title, size, expected):
    assert fitted(title, size) == expected


def test_where_the_system_has_none_there_is_no_title(monkeypatch):
    from uncork.supervisor import process_title

    monkeypatch.setattr(process_title, "_PROC", Path("/nowhere"))
    monkeypatch.setattr(process_title, "_set_name", lambda name: None)
    process_title._arguments.cache_clear()
    process_title.set_process_title("uncork", "uncork")
