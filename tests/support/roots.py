"""Commands as root runs them, in a place of their own: what another user may read, process 1.

Each takes root, and a machine that lets root make namespaces; without, the test is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import uncork
from tests.support import components


def open_to_all(command: Sequence[str], folder: Path) -> list[str]:
    """The command, a Python one of root's, where every user may read Python and the folder.

    The tests' interpreter may lie in root's home, which is closed to others, and so are pytest's
    folders, which another run of pytest closes again.
    """
    needs_root()
    folder.chmod(folder.stat().st_mode | 0o005)
    needed: dict[Path, set[Path]] = {}
    for path in (sys.prefix, sys.base_prefix, uncork.__path__[0], folder):
        resolved = Path(path).resolve()
        for parent in reversed(resolved.parents):
            if not parent.stat().st_mode & 0o001:
                needed.setdefault(parent, set()).add(resolved)
                break
    if not needed:
        return list(command)
    lines = [line for closed, paths in needed.items() for line in _opening(closed, paths)]
    script = "\n".join(["hidden=$(mktemp -d)", *lines, "rmdir $hidden", 'cd "$PWD"', 'exec "$@"'])
    return [*unshared("--mount"), "sh", "-euc", script, "sh", *command]


def _opening(closed: Path, paths: set[Path]) -> Iterator[str]:
    """Lines of a shell that put an open folder in the place of a closed one, with these in it."""
    yield f'mount --bind "{closed}" $hidden'
    yield f'mount -t tmpfs -o mode=755 tmpfs "{closed}"'
    for path in paths:
        yield f'mkdir -p "{path}"'
        yield f'mount --bind "$hidden/{path.relative_to(closed)}" "{path}"'
    yield "umount $hidden"


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


@cache
def _problem(prefix: tuple[str, ...]) -> str | None:
    done = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip() or "unknown" if done.returncode else None
