"""The key that signs the session cookie. It is never part of the code."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path


def find(instance: Path) -> str:
    """Returns `SECRET_KEY` from the environment, else one kept in `instance/` for development.

    A key made up at each start would log everybody out at each start, and two worker
    processes would not accept each other's cookies; so the first one is written down.
    """
    return os.environ.get("SECRET_KEY") or _kept_in(instance / "secret_key")


def _kept_in(path: Path) -> str:
    if not path.exists():
        # Written aside and then linked: whichever process is first wins, and none of them
        # ever reads half a key. `mkstemp` makes the file readable to its owner only.
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return path.read_text()
