"""Where a value came from, and what it looked like there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

OriginKind = Literal["flag", "environment", "dotenv", "file", "default"]


@dataclass(frozen=True)
class Origin:
    """The source of one value.

    Attributes:
        kind: The kind of source; `default` when nothing set the value.
        text: The source for a message: "`--bind`", "`PORT`", "`PORT` in .env:2",
            "uncork.toml:3", "default".
        strength: Compares two origins: the higher one wins.
    """

    kind: OriginKind
    text: str
    strength: int = field(default=0, compare=False)

    @property
    def is_default(self) -> bool:
        """Whether nothing set the value."""
        return self.kind == "default"


DEFAULT = Origin("default", "default")


@dataclass(frozen=True)
class Given:
    """A value as it stands in its source, not read yet.

    Attributes:
        raw: Text, or what TOML made of it.
        origin: The source.
        folder: Where a relative path in it begins; `None` for the working directory.
        typed: What the user wrote, where `raw` was made from it.
    """

    raw: object
    origin: Origin
    folder: Path | None = None
    typed: str | None = None


# What one source gives, by the name of the field in `Settings`.
Source = Mapping[str, Given]


def shown_path(path: Path, directory: Path) -> str:
    """The path for a message: as short as it can be while it is found from `directory`."""
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)
