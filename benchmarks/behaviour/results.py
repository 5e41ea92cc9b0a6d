"""What a run of the probes leaves behind: one JSON file, from which the tables are made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """One cell: the verdict of one probe on one server."""

    probe: str
    server: str
    text: str
    is_right: bool | None


@dataclass
class BehaviourRun:
    """All cells, with what is needed to judge them."""

    conditions: dict[str, Any]
    versions: dict[str, str]
    missing: dict[str, str]  # distribution -> why it was not asked
    servers: dict[str, str]  # key -> title, in the order of the columns
    results: list[Result] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Writes the run as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> BehaviourRun:
        """Reads what `save` wrote."""
        raw = json.loads(path.read_text())
        results = [Result(**result) for result in raw.pop("results")]
        return cls(**raw, results=results)

    def cell(self, probe: str, server: str) -> Result | None:
        """One verdict, if there is one."""
        found = (r for r in self.results if (r.probe, r.server) == (probe, server))
        return next(found, None)
