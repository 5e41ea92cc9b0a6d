"""`python scoreboard_server.py FILE …`: `uncork …`, which also writes its scoreboard.

FILE gets the totals, the workers and the running requests as JSON, anew every few milliseconds and
in one step. A duty of the supervisor writes it, as others of its duties show the scoreboard to
users; so a test sees what the supervisor sees.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from uncork.__main__ import main
from uncork.supervisor import starting
from uncork.supervisor.duty import Duty
from uncork.supervisor.supervision import Supervision

_INTERVAL_SECONDS = 0.02


class _Witness(Duty):
    def __init__(self, file: Path) -> None:
        self.supervision: Supervision | None = None
        self._file = file

    def next_deadline(self) -> float | None:
        return time.monotonic() + _INTERVAL_SECONDS

    def on_time(self, now: float) -> None:
        del now
        assert self.supervision is not None
        board = self.supervision.scoreboard
        facts = {
            "totals": board.totals(),
            "workers": [board.worker(row) for row in board.rows],
            "running": [request for row in board.rows for request in board.running(row)],
        }
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(facts, default=_plain))
        beside.replace(self._file)


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value.name  # type: ignore[arg-type]


def _run() -> None:
    file = Path(sys.argv.pop(1)).resolve()

    class Watched(Supervision):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            witness = _Witness(file)
            super().__init__(*arguments, **{**named, "duties": [*named.get("duties", ()), witness]})
            witness.supervision = self

    vars(starting)["Supervision"] = Watched
    sys.exit(main())


if __name__ == "__main__":
    _run()
