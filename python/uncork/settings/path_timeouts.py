"""Limits of time for some paths, as they are written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from uncork.settings.bad_value import BadValueError
from uncork.settings.kinds import Duration

_PATTERN = re.compile(r"/[!-)+-<>-~]*\*?")  # no blank, no `=`, and `*` at the end only
_HINT = 'write `"/reports/*" = "5m"`: a path, or the begin of one and `*`'


class PathTimeout(NamedTuple):
    """One limit.

    Attributes:
        pattern: A path, or the begin of one and `*`.
        seconds: `None`: no limit.
    """

    pattern: str
    seconds: float | None


@dataclass(frozen=True)
class PathTimeouts:
    """A table of limits by path; as text, `PATH=DURATION` with commas between them."""

    duration: Duration
    metavar: str = "PATH=DURATION"

    @property
    def form(self) -> str:
        """What to write."""
        form = "`PATH=DURATION`, with commas between them; in a file, a table"
        return f"{form}; each duration is {self.duration.form}"

    def read(self, raw: object, folder: Path | None) -> tuple[PathTimeout, ...]:
        """The limits, the one that holds first: a whole path, then the longest begin."""
        del folder
        if raw == "none":
            return ()
        if isinstance(raw, str):
            raw = dict(_named_once(part.strip() for part in raw.split(",") if part.strip()))
        if not isinstance(raw, Mapping):
            raise BadValueError("it is not a table", _HINT)
        found = [self._read_one(str(pattern), value) for pattern, value in raw.items()]
        return tuple(sorted(found, key=lambda each: (each.pattern[-1] == "*", -len(each.pattern))))

    def show(self, value: object) -> str:
        """The limits as text."""
        assert isinstance(value, tuple)
        shown = (f"{each.pattern}={self.duration.show(each.seconds)}" for each in value)
        return ", ".join(shown) or "none"

    def _read_one(self, pattern: str, value: object) -> PathTimeout:
        if not _PATTERN.fullmatch(pattern):
            raise BadValueError(f"`{pattern}` is not the path of a request", _HINT)
        try:
            return PathTimeout(pattern, self.duration.read(value, None))
        except BadValueError as error:
            raise BadValueError(f"of `{pattern}`: {error.cause}", error.hint) from None


def _named_once(parts: Iterable[str]) -> Iterable[tuple[str, str]]:
    seen: set[str] = set()
    for part in parts:
        pattern, equals, seconds = part.partition("=")
        if not equals:
            raise BadValueError(f"`{part}` has no duration", "write `/reports/*=5m`")
        if pattern in seen:
            raise BadValueError(f"`{pattern}` is named twice", "name each path once")
        seen.add(pattern)
        yield pattern.strip(), seconds.strip()
