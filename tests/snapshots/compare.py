"""Golden files: what a person sees, kept as text beside the tests.

`REWRITE_SNAPSHOTS=1 python -m pytest …` writes them anew; look at the diff before you commit.
"""

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def assert_same_as_snapshot(name: str, text: str) -> None:
    path = FOLDER / f"{name}.txt"
    if os.environ.get("REWRITE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: run once with REWRITE_SNAPSHOTS=1"
    assert text == path.read_text(encoding="utf-8")
