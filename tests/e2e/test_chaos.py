"""Some seconds of the storm that `make chaos` lets loose for ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.chaos import storm

SECONDS = 12.0


@pytest.mark.slow
@pytest.mark.measures
@pytest.mark.timeout(120)
def test_no_answer_is_wrong_and_each_failure_is_explained(tmp_path: Path) -> None:
    outcome = storm(SECONDS, seed=7, directory=tmp_path)
    assert outcome.is_good, f"{outcome}\n{outcome.log}"
    assert outcome.seen.answered > 100
