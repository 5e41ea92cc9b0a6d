"""What is known of a server: a name, where it comes from, its command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SUITE_BIN = Path(__file__).parents[1] / ".venv" / "bin"


@dataclass(frozen=True)
class Server:
    """One row of the tables.

    Args:
        key: The name on the command line and in results.
        title: The name in the report.
        command: Makes the command from an app spec and a port.
        distribution: What is installed from PyPI for it; `None` for what is not from there.
        python: The interpreter that the server runs in; `None` without Python.
    """

    key: str
    title: str
    command: Callable[[str, int], list[str]]
    distribution: str | None = None
    python: Path | None = SUITE_BIN / "python"
