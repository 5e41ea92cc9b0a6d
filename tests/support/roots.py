"""Commands as root runs them, in a place of their own: what another user may read, process 1.

Each takes root, and a machine that lets root make namespaces; without, the test is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import gettempdir

import pytest

import uncork
from tests.support import components

# The closed folder becomes an empty one that is open, with those of its children that are needed.
_OPEN = """
closed=$0 hidden=$1; shift
mount --bind "$closed" "$hidden"
mount -t tmpfs -o mode=755 tmpfs "$closed"
while [ "$1" != -- ]; do
    mkdir -p "$closed/$1"
    mount --bind "$hidden/$1" "$closed/$1"
    shift
done
shift
umount "$hidden"
exec "$@"
"""


def open_to_all(command: Sequence[str], folder: Path) -> list[str]:
    """The command, a Python one of root's, where every user may read Python and the folder.

    The tests' interpreter may lie in root's home, which is closed to others.
    """
    needs_root()
    _open_parents(folder)
    needed = (sys.prefix, sys.base_prefix, uncork.__path__[0])
    closed = {
        parent: path.resolve().relative_to(parent).parts[0]
        for path in map(Path, needed)
        for parent in path.resolve().parents
        if not parent.stat().st_mode & 0o001
    }
    if not closed:
        return list(command)
    if len(closed) > 1:
        pytest.skip(f"more than one folder on the way to Python is closed: {list(closed)}")
    ((parent, child),) = closed.items()
    hidden = folder / "hidden"
    hidden.mkdir(exist_ok=True)
    shell = ("sh", "-euc", _OPEN, str(parent), str(hidden), child, "--")
    return [*unshared("--mount"), *shell, *command]


def unshared(*flags: str) -> list[str]:
    """What stands before a command that gets namespaces of its own."""
    needs_root()
    prefix = (components.program("unshare"), *flags)
    if (problem := _problem(prefix)) is not None:
        components.missing(f"no namespaces can be made here ({problem})")
    return list(prefix)


def needs_root() -> None:
    """Skips the test unless root runs it."""
    if os.geteuid() != 0:
        components.missing("this takes root")


def _open_parents(folder: Path) -> None:
    for parent in (folder, *folder.parents):  # pytest's are closed to others
        if parent.is_relative_to(gettempdir()) and parent.stat().st_uid == 0:
            parent.chmod(parent.stat().st_mode | 0o005)


@cache
def _problem(prefix: tuple[str, ...]) -> str | None:
    done = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip() or "unknown" if done.returncode else None
