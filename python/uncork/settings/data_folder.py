"""The folder for what uncork keeps of a user's from one start to the next.

Where the XDG Base Directory Specification has it, and on macOS where applications keep such things.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def data_folder(environ: Mapping[str, str] = os.environ, system: str = sys.platform) -> Path | None:
    """The folder; it need not be there. `None`: the environment names none, nor a home."""
    named, home = environ.get("XDG_DATA_HOME", ""), environ.get("HOME", "")
    if named.startswith("/"):
        return Path(named) / "uncork"
    if not home.startswith("/"):
        return None
    if system == "darwin":
        return Path(home) / "Library" / "Application Support" / "uncork"
    return Path(home) / ".local" / "share" / "uncork"
