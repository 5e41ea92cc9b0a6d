"""Files that change faster than a person works: a program writes them, most likely the app.

A page that draws its plot into a static file would be reloaded for ever, since each time it is
loaded, the file changes; and an app that writes a module at its start would be restarted for ever.
So such changes wait until the file rests, for longer each time. None is lost: the last one may be
what somebody waits for, whose program has saved a file ten times in a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uncork.dev.watching.change import Change

# Editors that save by themselves wait for a second without a key. A reload takes less.
_FAST_SECONDS = 0.8
_FAST_CHANGES = 8
_REST_SECONDS = 5.0
# For how long nothing happens to a file before the change that waits is told.
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0


@dataclass
class _Pace:
    last: float
    fast_changes: int = 0
    is_muted: bool = False
    wait_seconds: float = _FIRST_WAIT_SECONDS
    waiting: Change | None = None

    @property
    def due(self) -> float | None:
        return None if self.waiting is None else self.last + self.wait_seconds

    def is_over(self, now: float) -> bool:
        return now - self.last >= max(_REST_SECONDS, self.wait_seconds)


class Repeating:
    """Holds back the changes of such files, until they rest.

    Attributes:
        newly_muted: Those of which it was found out since this was emptied.
    """

    def __init__(self) -> None:
        self._paces: dict[Path, _Pace] = {}
        self.newly_muted: list[Path] = []

    def left_of(self, changes: list[Change], now: float) -> list[Change]:
        """The changes of other files."""
        self._paces = {
            path: pace
            for path, pace in self._paces.items()
            if pace.waiting is not None or not pace.is_over(now)
        }
        return [change for change in changes if not self._is_muted(change, now)]

    def next_deadline(self) -> float | None:
        """When `rested` is to be called, if nothing more happens to those files."""
        return min((due for pace in self._paces.values() if (due := pace.due)), default=None)

    def rested(self, now: float) -> list[Change]:
        """The last change of each such file that has rested; the next one waits for longer."""
        changes = []
        for pace in self._paces.values():
            if pace.waiting is not None and pace.due is not None and pace.due <= now:
                changes.append(pace.waiting)
                pace.waiting = None
                pace.last = now
                pace.wait_seconds = min(2 * pace.wait_seconds, _LONGEST_WAIT_SECONDS)
        return changes

    def _is_muted(self, change: Change, now: float) -> bool:
        pace = self._paces.get(change.path)
        if pace is None or pace.is_over(now):
            pace = self._paces[change.path] = _Pace(now)
        pace.fast_changes = pace.fast_changes + 1 if now - pace.last < _FAST_SECONDS else 1
        pace.last = now
        if pace.fast_changes >= _FAST_CHANGES and not pace.is_muted:
            pace.is_muted = True
            self.newly_muted.append(change.path)
        pace.waiting = change if pace.is_muted else None
        return pace.is_muted
