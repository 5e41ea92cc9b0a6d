"""A cgroup with little memory, below the one that the tests run in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_MOUNT = Path("/sys/fs/cgroup")


@contextmanager
def with_little_memory(count: int) -> Iterator[Callable[[Sequence[str]], list[str]]]:
    """Makes a command run in a group that may use `count` bytes; skips where there can be none."""
    own, limit = _own_group()
    group = own / f"uncork-tests-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here ({error.strerror})")
    try:
        try:
            (group / limit).write_text(str(count))
        except OSError as error:
            pytest.skip(f"the memory of a cgroup can't be limited here ({error.strerror})")
        line = f'echo $$ > "{group}/cgroup.procs" && exec "$@"'
        yield lambda command: ["sh", "-c", line, "sh", *command]
    finally:
        group.rmdir()


def _own_group() -> tuple[Path, str]:
    """The tests' own group in the tree that limits memory, and the file with the limit."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    groups = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    if "memory" in groups:
        return _MOUNT / "memory" / groups["memory"].lstrip("/"), "memory.limit_in_bytes"
    return _MOUNT / groups.get("", "/").lstrip("/"), "memory.max"
