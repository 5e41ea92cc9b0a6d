"""Without root's rights, also when the tests run as root: a block, or a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir

import pytest

from tests.support import components

USER = 65534
# The one right that is kept is to read files: the interpreter may lie in root's home.
_MAY_READ = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
_IS_THIS_PYTHON = "import sys, uncork._native; sys.exit(sys.version != sys.argv[1])"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Gives up root's rights while the block runs, and does nothing if the tests have none.

    The block can import nothing new. A path that it uses must be open to everybody from its
    root on, which pytest's `tmp_path` is not.
    """
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(0)


def nobodys(command: Sequence[str], folder: Path) -> list[str]:
    """The command, a Python one, as it runs without root's rights; it can get to the folder."""
    if os.geteuid() != 0:
        return list(command)
    for parent in folder.parents:  # pytest's are closed to others
        if parent.is_relative_to(gettempdir()) and parent.stat().st_uid == 0:
            parent.chmod(parent.stat().st_mode | 0o001)
    prefix = _prefix(components.program("setpriv"))
    if prefix is None:  # a container may have taken the right to read from root itself
        pytest.skip(f"user `nobody` may not read what belongs to `{sys.executable}`")
    return [*prefix, *command]


@cache
def _prefix(setpriv: str) -> tuple[str, ...] | None:
    """What stands before a Python command; `None` when nothing lets it run."""
    drop = (setpriv, f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
    for prefix in ((*drop, *_MAY_READ), drop):
        probe = [*prefix, sys.executable, "-c", _IS_THIS_PYTHON, sys.version]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return prefix
    return None
