"""The operating system's events for a set of folders, through watchfiles' native watcher.

Each folder is watched by itself: `RustNotify` would else go into every folder below, wanted or
not. Only that class is loaded, and not the package around it, which imports anyio.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from uncork.dev.watching.alarm import Alarm, inotify_descriptors

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

_PACKAGE = "watchfiles"
_MODULE = f"{_PACKAGE}._rust_notify"
# How often the watcher is asked whether something has come: when it is known that something has,
# and else, where nothing wakes this process. At rest, each look costs some 30 µs.
_SHORT_STEP_MS = 4
_STEP_MS = 8
_IDLE_STEP_MS = 40
_IDLE_SECONDS = 60.0
# It may have been an event that is of no interest, such as that a file was read.
_AWAKE_MS = 12
# Within one batch; it is the caller that waits for quiet.
_BATCH_MS = 50

NAME = (
    "inotify" if sys.platform == "linux" else "FSEvents" if sys.platform == "darwin" else "events"
)


class Hint(NamedTuple):
    """Something may have happened to a path."""

    path: str
    is_new: bool


class NoEvents(Exception):
    """The system refuses to tell of changes.

    Args:
        text: Why.
        hint: What would mend it; `None`: not known.
    """

    def __init__(self, text: str, hint: str | None) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


class FolderGone(Exception):
    """One of the folders does not exist any more, or may not be read."""


class Interrupt(Protocol):
    """What ends a wait early."""

    def is_set(self) -> bool:
        """Whether it is to end now."""

    def fileno(self) -> int:
        """What becomes readable then; -1: nothing."""


class Notifier:
    """Tells of what happens in folders.

    Args:
        interrupt: What ends a wait early.
        alarm: What wakes this process; `None`: it looks again and again.
    """

    def __init__(self, interrupt: Interrupt, alarm: Alarm | None = None) -> None:
        self._interrupt = interrupt
        self._alarm = alarm
        self._is_alarmed = False
        self._native: RustNotify | None = None
        self._left: set[Hint] = set()

    @property
    def has_folders(self) -> bool:
        """Whether there is something to wait for."""
        return self._native is not None

    def cover(self, folders: Collection[str]) -> None:
        """Watches these folders from now on; what happened in those before is not lost.

        Raises:
            NoEvents: The system does not let it; nothing is watched any more.
            FolderGone: They have to be listed again; nothing has changed.
        """
        new: RustNotify | None = None
        others = inotify_descriptors() if self._alarm else frozenset[int]()
        try:
            if folders:
                # Deliberately not: to ignore what it may not read. It would ignore all else too.
                new = _native_class()(sorted(folders), False, False, 0, False, False)
        except (FileNotFoundError, PermissionError):
            raise FolderGone from None
        except Exception as error:
            self.close()
            raise _why_no_events(str(error)) from None
        before, self._native = self._native, new
        if self._alarm:
            self._is_alarmed = self._alarm.set_on(inotify_descriptors() - others)
        if before is not None:
            self._left |= self._hints(before.watch(1, 1, 1, None))
            before.close()

    def wait(self, seconds: float, idle_seconds: float = 0.0) -> set[Hint]:
        """What has happened; empty when the time is over or `is_interrupted`.

        Args:
            seconds: How long to wait for the first event.
            idle_seconds: For how long nothing has happened.
        """
        if self._left:
            left, self._left = self._left, set()
            return left
        assert self._native is not None
        milliseconds = max(1, round(seconds * 1000))
        step = _IDLE_STEP_MS if idle_seconds > _IDLE_SECONDS else _STEP_MS
        if self._alarm and self._is_alarmed:
            if not self._alarm.wait(seconds, self._interrupt.fileno()):
                return set()
            milliseconds = min(milliseconds, _AWAKE_MS)
        if milliseconds < 4 * step:
            step = _SHORT_STEP_MS
        found = self._native.watch(_BATCH_MS, step, milliseconds, self._interrupt)
        return self._hints(found)

    def close(self) -> None:
        """Watches nothing any more."""
        if self._native is not None:
            self._native.close()
            self._native = None

    @staticmethod
    def _hints(found: Any) -> set[Hint]:
        if isinstance(found, str):  # why there is nothing
            return set()
        return {Hint(path, kind == 1) for kind, path in found}


def _native_class() -> type[RustNotify]:
    module = sys.modules.get(_MODULE) or _load()
    native: type[RustNotify] = module.RustNotify
    return native


def _load() -> Any:
    package = importlib.util.find_spec(_PACKAGE)
    for folder in (package.submodule_search_locations or ()) if package else ():
        for suffix in EXTENSION_SUFFIXES:
            file = Path(folder) / f"_rust_notify{suffix}"
            if file.exists():
                spec = importlib.util.spec_from_file_location(_MODULE, file)
                assert spec is not None
                assert spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                sys.modules[_MODULE] = module
                return module
    return importlib.import_module(_MODULE)


def _why_no_events(text: str) -> NoEvents:
    if "watch limit" in text or "MaxFilesWatch" in text or "os error 28" in text:
        return NoEvents(
            "the limit of folders that may be watched (inotify) is reached",
            "raise it: `sudo sysctl fs.inotify.max_user_watches=524288`",
        )
    if "os error 24" in text:
        return NoEvents(
            "the limit of programs that may watch files (inotify) is reached",
            "raise it: `sudo sysctl fs.inotify.max_user_instances=1024`",
        )
    return NoEvents(f"the system refuses to tell of changes: {text}", None)
