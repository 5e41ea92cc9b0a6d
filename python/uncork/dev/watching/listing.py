"""Lists the folders to watch and the files that count, without going into any other folder.

Breadth first: where there are too many folders, those that are left out are the ones furthest
from the root. Each folder is listed once, by whichever way it is reached.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from uncork.dev.watching.file_systems import FileSystems
from uncork.dev.watching.gitignore import FILE_NAME, GitIgnore, read_rules, rules_around
from uncork.dev.watching.globs import is_glob
from uncork.dev.watching.ignored_names import is_ignored_folder, is_ignored_folder_name
from uncork.dev.watching.relevance import Area, Folder, Relevance
from uncork.dev.watching.watch_list import WatchList

# A project with more of them has something in it that should not be watched. The kernel's own
# limit is the same for all programs of a user, and may be 8,192.
MAX_FOLDERS = 6_000
# In place of a file system's type, where polling is what the user wants.
AS_TOLD = "as told"
# What shows that a folder is somebody's project.
PROJECT_MARKS = (
    "pyproject.toml",
    ".git",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "Pipfile",
    "uncork.toml",
    ".hg",
)

Stamp = tuple[int, int, int]
"""What tells that a file was written: time of modification in nanoseconds, size, inode."""


def stamp(found: os.stat_result) -> Stamp:
    """Of a file."""
    return found.st_mtime_ns, found.st_size, found.st_ino


def stamp_of(path: str) -> Stamp | None:
    """Of the file that is there now; `None`: there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 (thousands of them: a `Path` takes as long again)
    except (OSError, ValueError):
        return None
    return stamp(found) if stat.S_ISREG(found.st_mode) else None


@dataclass
class Listing:
    """What there was.

    Attributes:
        links: Where those files are in truth that are symbolic links.
        is_cut: Whether there were more folders than are watched.
    """

    folders: dict[str, Folder] = field(default_factory=dict)
    files: dict[str, Stamp] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False


class Lister:
    """Lists what a watch list means.

    Args:
        is_polling_forced: Every file system is taken for one that tells nothing of changes.
    """

    def __init__(
        self,
        watch_list: WatchList,
        file_systems: FileSystems,
        *,
        is_polling_forced: bool = False,
        max_folders: int = MAX_FOLDERS,
    ) -> None:
        self.relevance = Relevance(watch_list)
        self._watch_list = watch_list
        self._file_systems = file_systems
        self._is_polling_forced = is_polling_forced
        self._max_folders = max_folders

    def tops(self) -> dict[str, Folder]:
        """The folders from which everything is reached; what takes most comes first."""
        found: dict[str, Folder] = {}
        for each in self._tops():
            found.setdefault(each.top, each)
        return found

    def all(self) -> Listing:
        """Everything."""
        tops, seen = self.tops(), set[tuple[int, int]]()
        listing = self._list(list(tops.items()), seen, are_tops=True)
        # Where a folder itself, or what a link leads to, may be replaced.
        around = [path.rpartition("/")[0] or "/" for path in (*tops, *listing.links.values())]
        named = [(each, self._named_top(each)) for each in dict.fromkeys(around)]
        listing.folders |= self._list(named, seen, are_tops=True).folders
        return listing

    def below(self, path: str, outer: Folder, known: Iterable[Folder]) -> Listing:
        """A folder that lies in `outer`, and what is in it; the folders of `known` are left out."""
        name = path.rpartition("/")[2]
        if is_ignored_folder_name(name) or self.relevance.leaves_out(path, outer):
            return Listing()
        seen = {folder.identity for folder in known}
        return self._list([(path, self._inner(path, name, outer))], seen, are_tops=False)

    def again(self, tops: Iterable[tuple[str, Folder]], known: Iterable[Folder]) -> Listing:
        """Folders that were listed before, and what is in them now."""
        return self._list(list(tops), {folder.identity for folder in known}, are_tops=True)

    def _list(
        self, tops: list[tuple[str, Folder]], seen: set[tuple[int, int]], *, are_tops: bool
    ) -> Listing:
        listing = Listing()
        queue = deque((path, folder, are_tops) for path, folder in tops)
        while queue:
            if len(listing.folders) >= self._max_folders:
                listing.is_cut = True
                break
            path, folder, is_top = queue.popleft()
            try:
                found = os.stat(path)  # noqa: PTH116
                identity = (found.st_dev, found.st_ino)
                if identity in seen:
                    continue
                with os.scandir(path) as entries:
                    inside = list(entries)
            except (OSError, ValueError):
                continue
            names = frozenset(entry.name for entry in inside)
            may_be_built = folder.area == "static"
            if not is_top and is_ignored_folder(
                path.rpartition("/")[2], names, may_be_built=may_be_built
            ):
                continue
            seen.add(identity)
            rules = folder.outer_rules
            if folder.takes_all and FILE_NAME in names:
                rules = rules.within(path, read_rules(f"{path}/{FILE_NAME}"))
            here = folder._replace(identity=identity, rules=rules)
            listing.folders[path] = here
            for entry in inside:
                inner = self._look_at(entry, f"{path.rstrip('/')}/{entry.name}", here, listing)
                if inner is not None:
                    queue.append((*inner, False))
        return listing

    def _look_at(
        self, entry: os.DirEntry[str], path: str, here: Folder, listing: Listing
    ) -> tuple[str, Folder] | None:
        """Notes a file that counts; a folder to be listed is returned."""
        try:
            if entry.is_dir():
                is_left_out = (
                    not here.goes_down
                    or is_ignored_folder_name(entry.name)
                    or self.relevance.leaves_out(path, here)
                )
                return None if is_left_out else (path, self._inner(path, entry.name, here))
            if self.relevance.kind(path, entry.name, here) is not None:
                found = entry.stat()
                if stat.S_ISREG(found.st_mode):
                    listing.files[path] = stamp(found)
                    if entry.is_symlink():
                        listing.links[path] = os.path.realpath(path)
        except OSError:
            pass  # it has gone meanwhile, or is a link to nothing
        return None

    def _inner(self, path: str, name: str, outer: Folder) -> Folder:
        """What is to hold for a folder in `outer`."""
        area = self.relevance.area(path, name, outer.area) if outer.takes_all else ""
        silent = outer.silent
        if not self._is_polling_forced and self._file_systems.begins_at(path):
            silent = self._file_systems.silent_at(path)
        return outer._replace(area=area, outer_rules=outer.rules, silent=silent)

    def _tops(self) -> Iterable[Folder]:
        """From the one that takes most to the ones that take only what is named."""
        listed = self._watch_list
        for path in listed.roots:
            yield self._top(path, goes_down=not holds_everything(path), asks_git=True)
        for path in listed.templates:
            yield self._top(path, "template", asks_git=True)
        for path in listed.statics:
            yield self._top(path, "static", asks_git=True)
        for path in listed.extra:
            if not is_glob(path) and Path(path).is_dir():
                yield self._top(path, "other")
        for path in listed.extra:
            if is_glob(path):
                base, rest = _fixed_part(path)
                goes_down = "/" in rest or "**" in rest
                yield self._named_top(base)._replace(goes_down=goes_down)
        named = (*listed.files, *listed.extra, *listed.environment, *listed.settings)
        for path in dict.fromkeys(each.rpartition("/")[0] for each in named if not is_glob(each)):
            yield self._named_top(path or "/")

    def _named_top(self, path: str) -> Folder:
        """A folder of which only what is named counts."""
        return self._top(path, goes_down=False)._replace(takes_all=False, area="")

    def _top(
        self,
        path: str,
        area: Area = "",
        *,
        goes_down: bool = True,
        asks_git: bool = False,
    ) -> Folder:
        silent = self._file_systems.silent_at(path)
        if self._is_polling_forced:
            silent = silent or AS_TOLD
        rules = rules_around(path) if asks_git else GitIgnore()
        return Folder(
            identity=(0, 0),
            top=path,
            area=self.relevance.area(path, "", area),
            takes_all=True,
            goes_down=goes_down,
            outer_rules=rules,
            rules=rules,
            silent=silent,
        )


def holds_everything(path: str) -> bool:
    """Whether that is a folder in which everything of a user's or of a machine's lies."""
    every = ["/", "/home", "/Users", "/tmp", tempfile.gettempdir()]
    if path in {os.path.realpath(each) for each in every}:
        return True
    # In containers, the app's folder often is its user's home.
    is_home = path == os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 (it never raises)
    return is_home and not any(Path(path, mark).exists() for mark in PROJECT_MARKS)


def _fixed_part(pattern: str) -> tuple[str, str]:
    """The folder up to which a glob stands for one path, and the rest."""
    parts = pattern.split("/")
    fixed = next(index for index, part in enumerate(parts) if is_glob(part))
    return "/".join(parts[:fixed]) or "/", "/".join(parts[fixed:])
