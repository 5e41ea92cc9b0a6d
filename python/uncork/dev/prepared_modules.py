"""Which modules a prepared process is to have: those of installed packages and of Python itself."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType
from typing import Any, Self

_INSTALLED = ("site-packages", "dist-packages")
# They exchange parts of the standard library, which has to come before anything else is imported.
_NEVER_FIRST = {"gevent", "eventlet"}


@dataclass(frozen=True)
class Wanted:
    """What a worker has told of its modules.

    Attributes:
        modules: Those of others, in the order in which they were imported.
        own: Those of the project.
        root: The folder that the project's modules are imported from.
        environ: The digest of its environment, in which the app may have set something.
    """

    modules: tuple[str, ...]
    own: frozenset[str]
    root: str
    environ: str

    @classmethod
    def of_this_process(cls) -> Self:
        """What this worker has imported by now."""
        own, modules = set(), []
        for name, module in list(sys.modules.items()):
            file = _file_of(name, module)
            if file is None:
                continue
            if _is_others(name, file):
                modules.append(name)
            else:
                own.add(name)
        root = sys.path[0] if sys.path else ""
        return cls(tuple(modules), frozenset(own), root, environ_digest())

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `facts` gave."""
        own = frozenset(facts["own"])
        return cls(tuple(facts["modules"]), own, facts["root"], facts["environ"])

    def facts(self) -> dict[str, Any]:
        """For a message."""
        return {
            "modules": list(self.modules),
            "own": sorted(self.own),
            "root": self.root,
            "environ": self.environ,
        }

    @property
    def is_possible(self) -> bool:
        """Whether they may be imported before the app."""
        return bool(self.modules) and not _NEVER_FIRST.intersection(self.modules)

    def is_covered_by(self, other: Wanted) -> bool:
        """Whether a process that was prepared for `other` has all that this one has.

        What this process has by now, and had not when that one was forked from it, is no reason
        for another one.
        """
        is_same = (self.root, self.environ) == (other.root, other.environ)
        return is_same and set(self.modules) - set(other.modules) <= set(sys.modules)

    def is_shadowed(self) -> bool:
        """Whether a file of the project would now be imported in the place of a module."""
        tops = {name.partition(".")[0] for name in self.modules} - {"uncork"}
        root = Path(self.root or ".")
        try:
            names = {entry.name for entry in root.iterdir()}
        except OSError:
            return True
        suffixes = all_suffixes()
        # Deliberately not: a folder without `__init__`, which never comes before a module.
        return any(
            f"{top}{suffix}" in names
            or (top in names and (root / top / f"__init__{suffix}").exists())
            for top in tops
            for suffix in suffixes
        )


def environ_digest() -> str:
    """What tells two environments of processes apart."""
    digest = hashlib.sha256()
    for name, value in sorted(os.environb.items()):
        digest.update(name + b"=" + value + b"\0")
    return digest.hexdigest()


def strangers() -> list[str]:
    """The modules in this process that are the project's own."""
    return [
        name
        for name, module in list(sys.modules.items())
        if (file := _file_of(name, module)) is not None and not _is_others(name, file)
    ]


def others_path(path: Iterable[str]) -> list[str]:
    """What of `sys.path` has installed packages and Python's own modules."""
    return [entry for entry in path if entry.endswith(".zip") or _is_in_homes(entry)]


def stamp() -> tuple[tuple[str, int], ...]:
    """Something else when packages were installed or removed."""
    stamps = []
    for entry in sys.path:
        if Path(entry).name in _INSTALLED:
            try:
                stamps.append((entry, os.stat(entry).st_mtime_ns))  # noqa: PTH116
            except OSError:
                continue
    return tuple(stamps)


def _file_of(name: str, module: object) -> str | None:
    """The file of a module that can be imported by its name."""
    if name in ("__main__", "__mp_main__") or not isinstance(module, ModuleType):
        return None
    attributes = vars(module)
    file = attributes.get("__file__")
    return file if isinstance(file, str) and attributes.get("__name__") == name else None


def _is_others(name: str, file: str) -> bool:
    return name.partition(".")[0] == "uncork" or _is_in_homes(file)


def _is_in_homes(path: str) -> bool:
    return any(f"/{part}" in path for part in _INSTALLED) or path.startswith(_homes())


@cache
def _homes() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({paths[name] for name in ("stdlib", "platstdlib")})
