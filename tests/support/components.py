"""What tests need of the machine beyond Python packages, and what becomes of them without it.

On somebody's own machine the test is skipped, and says why. In CI, where a test that is skipped
would not be missed by anybody, it fails: whoever adds a component adds it to `.ci/run` as well.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skips the test because of `what`, a sentence; in CI, fails it."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI must have everything", pytrace=False)
    pytest.skip(what)


def program(name: str) -> str:
    """Where the program is; without it, the test goes no further."""
    return shutil.which(name) or missing(f"`{name}` is not installed")
