"""What has changed, and what follows from it for whoever reloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

ChangeKind = Literal["python", "environment", "settings", "template", "static", "other"]
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)


@dataclass(frozen=True)
class Change:
    """One file that has another content now, is new, or is gone.

    Attributes:
        path: Absolute, without symbolic links up to the folder that is watched.
        kind: `other` is what the user has named as an extra file.
    """

    path: Path
    kind: ChangeKind

    def facts(self) -> dict[str, str]:
        """As it goes over a channel."""
        return {"path": str(self.path), "kind": self.kind}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `facts` has made.

        Raises:
            ValueError: That was not made by `facts`.
        """
        kind: ChangeKind = CHANGE_KINDS[CHANGE_KINDS.index(facts["kind"])]
        return cls(Path(facts["path"]), kind)
