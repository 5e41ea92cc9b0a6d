"""What a run leaves behind: samples, and the JSON file that holds them.

One sample is one load on one server in one round: numbers, or the reason why there are none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


class Disqualified(Exception):
    """The server erred, or answered wrongly: the sample has no numbers."""


class NoAnswer(Disqualified):
    """The server was silent for too long."""


@dataclass(frozen=True)
class Sample:
    """The outcome of one load on one server in one round.

    Invariant: exactly one of `numbers` and `failure` says something.
    """

    load: str
    server: str
    round: int
    numbers: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None


@dataclass
class Run:
    """All samples of one run, with what is needed to judge them."""

    conditions: dict[str, Any]
    versions: dict[str, str]
    missing: dict[str, str]  # server or distribution -> why it was not measured
    samples: list[Sample] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Writes the run as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self), indent=1) + "\n")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> Run:
        """Reads what `save` wrote."""
        raw = json.loads(path.read_text())
        samples = [Sample(**sample) for sample in raw.pop("samples")]
        return cls(**raw, samples=samples)
