"""Files that change faster than a person works: a program writes them, most likely the app.

A page that draws its plot into a static file would be reloaded for ever, since each time it is
loaded, the file changes; and an app that writes a module at its start would be restarted for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uncork.dev.watching.change import Change

# Editors that save by themselves wait for a second without a key. A reload takes less.
_FAST_SECONDS = 0.8
_FAST_CHANGES = 8
_REST_SECONDS = 5.0


@dataclass
class _Pace:
    last: float
    fast_changes: int = 0
    is_muted: bool = False


class Repeating:
    """Drops the changes of such files, until they rest.

    Attributes:
        newly_muted: Those of which it was found out since this was emptied.
    """

    def __init__(self) -> None:
        self._paces: dict[Path, _Pace] = {}
        self.newly_muted: list[Path] = []

    def left_of(self, changes: list[Change], now: float) -> list[Change]:
        """The changes of other files."""
        self._paces = {
            path: pace for path, pace in self._paces.items() if now - pace.last < _REST_SECONDS
        }
        return [change for change in changes if not self._is_muted(change.path, now)]

    def _is_muted(self, path: Path, now: float) -> bool:
        pace = self._paces.setdefault(path, _Pace(now))
        pace.fast_changes = pace.fast_changes + 1 if now - pace.last < _FAST_SECONDS else 1
        pace.last = now
        if pace.fast_changes >= _FAST_CHANGES and not pace.is_muted:
            pace.is_muted = True
            self.newly_muted.append(path)
        return pace.is_muted
