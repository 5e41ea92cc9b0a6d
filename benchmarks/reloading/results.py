"""What a run of the cases leaves behind: one JSON file, from which the table is made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """One cell: what one server did in one case."""

    case: str
    server: str
    text: str
    is_right: bool | None
    milliseconds: list[float]


@dataclass
class ReloadingRun:
    """All cells, with what is needed to judge them."""

    conditions: dict[str, Any]
    versions: dict[str, str]
    servers: dict[str, str]  # key -> title, in the order of the columns
    results: list[Result] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Writes the run as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> ReloadingRun:
        """Reads what `save` wrote."""
        raw = json.loads(path.read_text())
        results = [Result(**result) for result in raw.pop("results")]
        return cls(**raw, results=results)

    def cell(self, case: str, server: str) -> Result | None:
        """What one server did in one case, if it was asked."""
        found = (r for r in self.results if (r.case, r.server) == (case, server))
        return next(found, None)
