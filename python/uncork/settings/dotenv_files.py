"""The nearest `.env` and `.flaskenv`, as the `flask` command finds and reads them.

Each is looked for on its own, in the working directory and then upwards. `.env` is the
stronger one, the process's own environment is stronger than both, and `FLASK_SKIP_DOTENV`
switches both off.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uncork.settings.environment import Variables
from uncork.settings.origin import shown_path
from uncork.settings.text_file import text_of

_STRENGTHS = {".env": 300, ".flaskenv": 200}
_NAMED_STRENGTH = 350


@dataclass(frozen=True)
class DotenvFile:
    """One file, read.

    Attributes:
        path: Where it is.
        variables: What it sets.
        warnings: The lines that could not be read, as sentences.
    """

    path: Path
    variables: Variables
    warnings: tuple[str, ...]


def read_dotenv_files(
    environ: Mapping[str, str], directory: Path, env_file: Path | None = None
) -> list[DotenvFile]:
    """The files that there are, the stronger one first; `env_file` is stronger than all.

    Raises:
        UsageError: A file cannot be read, or is not UTF-8.
    """
    named = [] if env_file is None else [_read(env_file, directory, _NAMED_STRENGTH)]
    if not _is_wanted(environ):
        return named
    found = [(name, _nearest(name, directory)) for name in _STRENGTHS]
    return named + [_read(path, directory, _STRENGTHS[name]) for name, path in found if path]


def _is_wanted(environ: Mapping[str, str]) -> bool:
    # flask.helpers.get_load_dotenv: any value but these three skips the files.
    skip = environ.get("FLASK_SKIP_DOTENV")
    return not skip or skip.lower() in ("0", "false", "no")


def _nearest(name: str, directory: Path) -> Path | None:
    paths = (folder / name for folder in (directory, *directory.parents))
    return next((path for path in paths if _can_be_read(path)), None)


def _can_be_read(path: Path) -> bool:
    # A folder called `.env` is somebody's virtual environment. A pipe comes from a password
    # manager; python-dotenv reads it too. A folder above that is closed to us has nothing.
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)


def _read(path: Path, directory: Path, strength: int) -> DotenvFile:
    # Only a project that has such a file pays for the import.
    from dotenv import dotenv_values  # noqa: PLC0415
    from dotenv.parser import parse_stream  # noqa: PLC0415

    shown = shown_path(path, directory)
    text = text_of(path, shown)
    bindings = list(parse_stream(io.StringIO(text)))
    # The broken lines are taken out: python-dotenv would log them on its own.
    good = "".join(binding.original.string for binding in bindings if not binding.error)
    values = dotenv_values(stream=io.StringIO(good))
    return DotenvFile(
        path,
        Variables(
            "dotenv",
            {name: value for name, value in values.items() if value is not None},
            strength,
            {b.key: f"{shown}:{_line_of(b.original)}" for b in bindings if b.key},
        ),
        tuple(
            f"{shown}:{_line_of(binding.original)}: this line is not `NAME=value` and is ignored"
            for binding in bindings
            if binding.error
        ),
    )


def _line_of(original: object) -> int:
    # A statement begins behind the blank lines that python-dotenv counts to it.
    string, line = str(getattr(original, "string", "")), int(getattr(original, "line", 0))
    blank = string[: len(string) - len(string.lstrip())]
    return line + blank.count("\n")
