"""A file system that is full soon, for tests of what happens then."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import components


@contextmanager
def tiny_disk(folder: Path, size: int) -> Iterator[Path]:
    """`folder`, with room for `size` bytes while the block runs; takes root to mount it."""
    mount = [components.program("mount"), "-t", "tmpfs", "-o", f"size={size},mode=1777"]
    done = subprocess.run([*mount, "tmpfs", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        components.missing(f"no small file system can be mounted here ({done.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run([components.program("umount"), folder], check=True)
