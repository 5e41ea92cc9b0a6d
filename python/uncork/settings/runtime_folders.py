"""Folders for what lives as long as a server, as whoever started it has made them.

Both variables are read, and neither is a setting: RUNTIME_DIRECTORY by systemd.exec(5), for the
service; XDG_RUNTIME_DIR by the XDG Base Directory Specification, for the user's session.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RuntimeFolder:
    """One folder; it need not be there, nor be usable.

    Attributes:
        is_session: It is uncork's own one in that of the user's session, to be made at need.
    """

    path: Path
    is_session: bool


def runtime_folders(environ: Mapping[str, str] = os.environ) -> list[RuntimeFolder]:
    """The folders that the environment names, the best one first; relative ones are none."""
    found = []
    # systemd separates several by colons.
    service = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if service.startswith("/"):
        found.append(RuntimeFolder(Path(service), is_session=False))
    session = environ.get("XDG_RUNTIME_DIR", "")
    if session.startswith("/"):
        found.append(RuntimeFolder(Path(session) / "uncork", is_session=True))
    return found
