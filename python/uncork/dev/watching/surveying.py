"""What is watched, kept up to date: folders, their files, and where events come from.

Each method says which files may have changed; `changed` says which have.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from uncork.dev.watching import notifier
from uncork.dev.watching.alarm import Alarm
from uncork.dev.watching.change import Change
from uncork.dev.watching.file_systems import FileSystems
from uncork.dev.watching.gitignore import FILE_NAME
from uncork.dev.watching.listing import AS_TOLD, MAX_FOLDERS, Lister, Listing, Stamp, stamp_of
from uncork.dev.watching.notifier import FolderGone, Hint, Interrupt, NoEvents, Notifier
from uncork.dev.watching.relevance import Folder
from uncork.dev.watching.snapshots import Snapshots
from uncork.dev.watching.watch_list import WatchList

# Folders may come and go while they are listed.
_TRIES = 5
# With so many events at once, the kernel may have had no room for more (`max_queued_events`).
_MANY_HINTS = 2_000
# How often to look whether a folder is there that was not, or not any more.
_MISSING_SECONDS = 1.0


class Hinted(NamedTuple):
    """What hints have led to.

    Attributes:
        any: Whether something has happened, be it of no importance.
        files: Those that may have changed.
    """

    any: bool
    files: set[str]


class Survey:
    """Everything that is watched.

    Args:
        interrupt: What ends `wait` early.
        alarm: What wakes this process when there are events.
        is_polling_forced: Take no events.

    Attributes:
        snapshots: What the files were like.
        troubles: What the user should know, each with a hint, which may be empty.
    """

    def __init__(
        self, interrupt: Interrupt, alarm: Alarm | None = None, *, is_polling_forced: bool = False
    ) -> None:
        self.snapshots = Snapshots()
        self.troubles: list[tuple[str, str]] = []
        self._is_polling_forced = is_polling_forced
        self._notifier = Notifier(interrupt, alarm)
        self._has_no_events = False
        self._lister = Lister(WatchList(), FileSystems())
        self._folders: dict[str, Folder] = {}
        self._tops: dict[str, Folder] = {}
        self._missing: list[str] = []
        # Where links lead to, and from where.
        self._links: dict[str, set[str]] = {}

    @property
    def mode(self) -> str:
        """For the banner, such as `inotify, 14 files`."""
        words = [notifier.NAME] if self.has_events else []
        kinds = self._polled_tops()
        if self._has_no_events or (kinds and all(each == AS_TOLD for each in kinds.values())):
            words.append("polling")
        else:
            words += [f"polling {path} ({kind})" for path, kind in kinds.items()]
        count = len(self.snapshots)
        return ", ".join((*words, f"{count} file{'' if count == 1 else 's'}"))

    @property
    def has_events(self) -> bool:
        """Whether `wait` has something to wait for."""
        return self._notifier.has_folders

    @property
    def has_polled(self) -> bool:
        """Whether `poll` has something to look at."""
        return self._has_no_events or any(each.silent for each in self._folders.values())

    @property
    def wait_seconds(self) -> float | None:
        """How long to wait at most, to look for folders that are missing."""
        return _MISSING_SECONDS if self._missing else None

    def take(self, watch_list: WatchList, since_ns: int | None) -> set[str]:
        """Watches these from now on.

        Args:
            watch_list: What.
            since_ns: What was written later counts as changed; `None`: as found.
        """
        systems = FileSystems.of_this_machine()
        forced = self._is_polling_forced
        self._lister = Lister(watch_list, systems, is_polling_forced=forced)
        listing = self._relist()
        gone = self._forget_others(listing)
        written = {
            path
            for path, found in listing.files.items()
            if since_ns is not None and found[0] >= since_ns and path not in self.snapshots
        }
        self.snapshots.adopt(
            (path, found) for path, found in listing.files.items() if path not in written
        )
        # What came between the listing and the first event.
        return written | gone | self._differing(self._relist())

    def wait(self, seconds: float, idle_seconds: float) -> Hinted:
        """Waits for events."""
        hints = self._notifier.wait(seconds, idle_seconds)
        files = self._follow(hints) if hints else set[str]()
        if len(hints) > _MANY_HINTS:
            files |= self._differing(self._relist())
        return Hinted(bool(hints), files | self.look_for_missing())

    def poll(self) -> set[str]:
        """Looks at everything of which no events come."""
        is_all = self._has_no_events
        polled = {path: each for path, each in self._folders.items() if is_all or each.silent}
        others = {path: each for path, each in self._folders.items() if path not in polled}
        tops = [(path, each) for path, each in polled.items() if not _is_reached(path, polled)]
        listing = self._lister.again(tops, others.values())
        self._folders = others | listing.folders
        gone = {
            path
            for path in self.snapshots.paths()
            if path not in listing.files and _outer(path) in polled
        }
        return gone | {
            path for path, found in listing.files.items() if self.snapshots.stamp(path) != found
        }

    def look_for_missing(self) -> set[str]:
        """Looks whether a folder is there again, or at last."""
        if not any(Path(path).is_dir() for path in self._missing):
            return set()
        return self._differing(self._relist())

    def stamps(self, paths: Iterable[str]) -> Mapping[str, Stamp | None]:
        """How the files are now."""
        return {path: stamp_of(path) for path in paths}

    def changed(self, paths: Iterable[str]) -> list[Change]:
        """Those that have another content, are new or are gone."""
        found: list[Change] = []
        for path in sorted(paths):
            outer, _, name = path.rpartition("/")
            folder = self._folders.get(outer or "/") or self._nearest(outer)
            kind = self._lister.relevance.kind(path, name, folder) if folder else None
            if kind is not None and self.snapshots.has_changed(path):
                found.append(Change(Path(path), kind))
        return found

    def _nearest(self, folder: str) -> Folder | None:
        """What held for a folder that is gone, as far as it is known from those around it."""
        inner: list[str] = []
        while (found := self._folders.get(folder) or self._tops.get(folder)) is None:
            folder, _, name = folder.rpartition("/")
            if not folder:
                return None
            inner.append(name)
        for name in reversed(inner):
            folder = f"{folder}/{name}"
            found = found._replace(area=self._lister.relevance.area(folder, name, found.area))
        return found

    def _follow(self, hints: Iterable[Hint]) -> set[str]:
        """The files that hints may be about."""
        files: set[str] = set()
        entered: set[str] = set()
        has_other_rules = False
        for path, is_new in hints:
            outer, _, name = path.rpartition("/")
            files |= self._links.get(path, set())
            if path in self._folders and (is_new or self._is_other(path)):
                entered.add(path)
            folder = self._folders.get(outer or "/")
            if folder is None or path in self._folders:
                continue
            if name == FILE_NAME:
                has_other_rules = True
            elif is_new and (folder.goes_down or path in self._tops) and Path(path).is_dir():
                entered.add(path)
            elif self._lister.relevance.kind(path, name, folder) is not None:
                files.add(path)
        if entered:
            files |= self._enter(entered)
        if has_other_rules:
            listing = self._relist()
            files |= self._forget_others(listing)
            self.snapshots.adopt(listing.files.items())
        return files

    def _is_other(self, path: str) -> bool:
        """Whether a folder is gone, or another one is in its place."""
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            return True
        return self._folders[path].identity != (found.st_dev, found.st_ino)

    def _enter(self, paths: set[str]) -> set[str]:
        """Watches folders that are new, or no longer those that are gone; their files."""
        files = {file for path in paths for file in self.snapshots.below(path)}
        before: set[str] = set()
        for _ in range(_TRIES):
            self._forget(paths)
            for path in paths:
                files |= self._list_below(path).files.keys()
            self._cover()
            now = {path for path in self._folders if _is_within(path, paths)}
            if now == before:
                break
            before = now
        return files

    def _list_below(self, path: str) -> Listing:
        outer = self._folders.get(_outer(path))
        if path in self._tops:
            listing = self._lister.again([(path, self._tops[path])], self._folders.values())
        elif outer is not None and outer.goes_down:
            listing = self._lister.below(path, outer, self._folders.values())
        else:
            return Listing()
        self._folders |= listing.folders
        self._note_links(listing)
        return listing

    def _note_links(self, listing: Listing) -> None:
        for path, target in listing.links.items():
            self._links.setdefault(target, set()).add(path)

    def _forget(self, paths: set[str]) -> None:
        for path in [each for each in self._folders if _is_within(each, paths)]:
            del self._folders[path]

    def _relist(self) -> Listing:
        """Lists everything anew, and covers it."""
        for _ in range(_TRIES):
            listing = self._lister.all()
            self._folders = listing.folders
            self._tops = self._lister.tops()
            self._missing = [path for path in self._tops if self._is_missing(path)]
            self._links = {}
            self._note_links(listing)
            if listing.is_cut:
                self._note(
                    f"there are more than {MAX_FOLDERS} folders to watch: "
                    "those furthest from the top are left out",
                    "leave some out with `--exclude-patterns`, or list them in `.gitignore`",
                )
            if self._cover():
                break
        return listing

    def _is_missing(self, path: str) -> bool:
        """Whether a folder is not there, and no event will tell that it is."""
        if path in self._folders or Path(path).is_dir():
            return False
        return _outer(path) not in self._folders

    def _cover(self) -> bool:
        """Whether events come from all the folders that are listed, and that can have them."""
        if self._has_no_events:
            return True
        try:
            self._notifier.cover(
                [path for path, each in self._folders.items() if each.silent is None]
            )
        except FolderGone:
            return False
        except NoEvents as error:
            self._has_no_events = True
            self._note(
                f"{error.text}: files are looked at again and again instead", error.hint or ""
            )
        return True

    def _note(self, text: str, hint: str) -> None:
        if (text, hint) not in self.troubles:
            self.troubles.append((text, hint))

    def _forget_others(self, listing: Listing) -> set[str]:
        """Forgets the files that do not count any longer; those that do, and are gone."""
        missing = [path for path in self.snapshots.paths() if path not in listing.files]
        gone = {path for path in missing if stamp_of(path) is None}
        self.snapshots.forget_all_but(gone.union(listing.files))
        return gone

    def _differing(self, listing: Listing) -> set[str]:
        """The files that are not as they were."""
        return {
            path for path, found in listing.files.items() if self.snapshots.stamp(path) != found
        } | {path for path in self.snapshots.paths() if path not in listing.files}

    def _polled_tops(self) -> dict[str, str]:
        """Where polling is necessary, and why."""
        found: dict[str, str] = {}
        for path, each in self._folders.items():
            is_top = not _is_reached(path, self._folders)
            is_like_outer = not is_top and self._folders[_outer(path)].silent == each.silent
            if each.silent and each.takes_all and not is_like_outer:
                found[path] = each.silent
        return found


def _outer(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _is_reached(path: str, folders: Mapping[str, Folder]) -> bool:
    """Whether a folder is listed together with the one around it."""
    outer = folders.get(_outer(path))
    return outer is not None and outer.goes_down


def _is_within(path: str, folders: set[str]) -> bool:
    """Whether that is one of the folders, or lies in one."""
    while path not in folders:
        path, _, _ = path.rpartition("/")
        if not path:
            return False
    return True
