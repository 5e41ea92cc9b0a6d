"""Where the interpreter keeps what is installed, and which installs are editable."""

from __future__ import annotations

import json
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

_INSTALLED = frozenset(("site-packages", "dist-packages"))


@cache
def installed_folders() -> tuple[str, ...]:
    """Those of the standard library and of installed packages, and uncork's own."""
    schemes = sysconfig.get_paths()
    found = [schemes[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    with suppress(AttributeError):  # an old virtualenv's `site` lacks them
        found += [*site.getsitepackages(), site.getusersitepackages()]
    found += [str(Path(os.__file__).parent), str(Path(__file__).parents[2])]
    return tuple(dict.fromkeys(os.path.realpath(each) for each in found))


def is_installed(path: str) -> bool:
    """Whether a file came with the interpreter or with a package, and is not the user's work."""
    if "/site-packages/" in path or "/dist-packages/" in path:
        return True
    return path.startswith(_prefixes())


@cache
def _prefixes() -> tuple[str, ...]:
    return tuple(f"{folder}/" for folder in installed_folders())


def editable_folders() -> tuple[str, ...]:
    """The folders that were installed in place: `pip install -e` and the like.

    Found in two ways: by `direct_url.json` (PEP 610), and by the lines of `*.pth` files.
    """
    found: list[str] = []
    for folder in _package_folders():
        with suppress(OSError):
            names = sorted(os.listdir(folder))  # noqa: PTH208 (only the names)
            for name in names:
                if name.endswith(".dist-info"):
                    found += _of_direct_url(Path(folder, name, "direct_url.json"))
                elif name.endswith((".pth", ".egg-link")):
                    found += _of_lines(Path(folder, name))
    every = dict.fromkeys(os.path.realpath(each) for each in found)
    return tuple(each for each in every if not is_installed(f"{each}/"))


def _package_folders() -> Iterator[str]:
    for each in dict.fromkeys(map(os.path.realpath, sys.path)):
        if Path(each).name in _INSTALLED:
            yield each


def _of_direct_url(file: Path) -> Iterator[str]:
    with suppress(OSError, ValueError, AttributeError, TypeError):
        facts = json.loads(file.read_text("utf-8"))
        url = urlsplit(facts["url"])
        if url.scheme == "file" and facts.get("dir_info", {}).get("editable") is True:
            yield unquote(url.path)


def _of_lines(file: Path) -> Iterator[str]:
    with suppress(OSError, ValueError):
        for line in file.read_text("utf-8").splitlines():
            path = line.strip()
            if path.startswith("/") and Path(path).is_dir():
                yield path
