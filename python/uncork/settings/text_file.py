"""The text of a file of settings, or the reason why it cannot be had."""

from __future__ import annotations

from pathlib import Path

from uncork.errors import UsageError


def text_of(path: Path, shown: str) -> str:
    """The text of the file, which messages call `shown`.

    Raises:
        UsageError: It cannot be read, or is not UTF-8.
    """
    try:
        # Editors on Windows begin a file with a byte-order mark.
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"could not read {shown}", cause=error.strerror) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(
            f"could not read {shown}:{line}", cause="it is not UTF-8", hints=("save it as UTF-8",)
        ) from None
