"""Which files count, and as what; knows folders as they were listed, and no file system."""

from __future__ import annotations

import fnmatch
import re
from typing import Literal, NamedTuple

from uncork.dev.watching.change import ChangeKind
from uncork.dev.watching.gitignore import GitIgnore
from uncork.dev.watching.globs import glob_regex, is_glob
from uncork.dev.watching.ignored_names import is_data, is_temporary
from uncork.dev.watching.watch_list import WatchList

Area = Literal["template", "static", "other", ""]

# Those that go into the repository to show what belongs into the real one.
_SAMPLES = (".dist", ".example", ".sample", ".template")
# git often leaves out what has been built, and the page shows it all the same.
_BUILT_SUFFIXES = (".cjs", ".css", ".htm", ".html", ".js", ".mjs")
_PYTHON_SUFFIXES = (".py", ".pyd", ".so")


class Folder(NamedTuple):
    """What holds for all the files in one folder.

    Attributes:
        identity: Its device and inode.
        top: The folder from which it was reached.
        area: What files in it are that are no Python; empty: nothing.
        takes_all: Whether files count that nobody has named.
        goes_down: Whether folders in it are watched as well.
        outer_rules: Those of git that hold there, without the folder's own.
        rules: Those with its own.
        silent: The type of its file system, if that tells nothing of changes.
    """

    identity: tuple[int, int]
    top: str
    area: Area
    takes_all: bool
    goes_down: bool
    outer_rules: GitIgnore
    rules: GitIgnore
    silent: str | None


class Relevance:
    """Says of each file what a change of it is."""

    def __init__(self, watch_list: WatchList) -> None:
        self._named: dict[str, ChangeKind] = {
            path: "python" if path.endswith(_PYTHON_SUFFIXES) else "other"
            for path in (*watch_list.files, *watch_list.extra)
        }
        self._named |= dict.fromkeys(watch_list.settings, "settings")
        self._named |= dict.fromkeys(watch_list.environment, "environment")
        globs = [glob_regex(each) for each in watch_list.extra if is_glob(each)]
        self._extra = _any_of(globs)
        self._excluded = _any_of([fnmatch.translate(each) for each in watch_list.exclude])
        folders = [each[:-2] for each in watch_list.exclude if each.endswith("/*")]
        self._excluded_folders = _any_of([fnmatch.translate(each) for each in folders])
        self._areas: dict[str, Area] = dict.fromkeys(watch_list.templates, "template")
        self._areas |= dict.fromkeys(watch_list.statics, "static")

    def area(self, path: str, name: str, outer: Area) -> Area:
        """What the files are in a folder that lies in one of `outer`."""
        if path in self._areas:
            return self._areas[path]
        if outer:
            return outer
        return "template" if name == "templates" else "static" if name == "static" else ""

    def leaves_out(self, path: str, folder: Folder) -> bool:
        """Whether nothing counts in the folder `path`, which lies in `folder`."""
        if _matches(self._excluded_folders, path, folder.top):
            return True
        asks_git = folder.takes_all and folder.area not in ("static", "other")
        return asks_git and folder.rules.ignores(path, is_folder=True)

    def kind(self, path: str, name: str, folder: Folder) -> ChangeKind | None:
        """What a change of a file is, which lies in `folder`; `None`: it does not count."""
        kind = self._named.get(path) or self._kind(path, name, folder)
        if kind is None or _matches(self._excluded, path, folder.top):
            return None
        return kind

    def _kind(self, path: str, name: str, folder: Folder) -> ChangeKind | None:
        is_python = name.endswith(".py")
        if not is_python and not folder.area and self._extra is None and name[0] != ".":
            return None  # as most do
        if is_temporary(name):
            return None
        if self._extra is not None and self._extra.fullmatch(path):
            return "python" if is_python else "other"
        if not folder.takes_all:
            return None
        if name[0] == ".":
            is_own = name.startswith(".env.") and not name.endswith(_SAMPLES)
            return "environment" if is_own or name in (".env", ".flaskenv") else None
        kind: ChangeKind | None = "python" if is_python else folder.area or None
        return None if kind is None or self._is_made(path, name, folder) else kind

    def _is_made(self, path: str, name: str, folder: Folder) -> bool:
        """Whether a program makes such a file while it runs, or git leaves it out."""
        if is_data(name):
            return True
        if folder.area == "other" or not folder.rules.ignores(path, is_folder=False):
            return False
        return folder.area != "static" or not name.endswith(_BUILT_SUFFIXES)


def _any_of(expressions: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(expressions)) if expressions else None


def _matches(pattern: re.Pattern[str] | None, path: str, top: str) -> bool:
    if pattern is None:
        return False
    from_top = path[len(top.rstrip("/")) + 1 :]
    return bool(pattern.fullmatch(path) or pattern.fullmatch(from_top))
