"""Prints one `VERSION=PATH` for each supported CPython here, except the one that runs this.

They are looked for on the PATH and among pyenv's versions. One that does not run (a shim of
pyenv may not) or can't make a virtual environment is passed over.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
_PROBE = "import ensurepip, venv, sys; print(sys.implementation.name, *sys.version_info[:2])"


def main() -> None:
    """Prints them."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in SUPPORTED:
        path = next(filter(lambda path: runs(path, version), candidates(version)), None)
        if path is not None and version != own:
            print(f"{version}={path}")


def candidates(version: str) -> Iterator[Path]:
    """Where an interpreter of that version may be."""
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)


def runs(path: Path, version: str) -> bool:
    """Whether it is a CPython of that version that can make a virtual environment."""
    done = subprocess.run([path, "-c", _PROBE], capture_output=True, text=True, check=False)
    return done.stdout.split() == ["cpython", *version.split(".")]


if __name__ == "__main__":
    main()
