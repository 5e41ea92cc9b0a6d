"""The file of settings: `uncork.toml`, or the table `[tool.uncork]` of `pyproject.toml`.

Without `--config`, the nearest one counts, looking upwards from the working directory.
Relative paths in it begin at its own folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uncork.errors import UsageError
from uncork.settings.declarations import Declaration, declarations
from uncork.settings.dev_declarations import DEV_TABLE, dev_declarations
from uncork.settings.origin import Given, Origin, Source, shown_path
from uncork.settings.suggestion import did_you_mean
from uncork.settings.text_file import text_of
from uncork.settings.toml_lines import line_of_key

_STRENGTH = 100
_PYPROJECT = "pyproject.toml"
_OWN = "uncork.toml"


@dataclass(frozen=True)
class SettingsFile:
    """One file, read and validated key by key; the values are not read yet.

    Attributes:
        path: Where it is.
        source: What it sets.
        dev: What it sets of a development server's own.
        warnings: What its author should know, as sentences.
    """

    path: Path
    source: Source
    dev: Source
    warnings: tuple[str, ...] = ()


def find_settings_file(directory: Path) -> SettingsFile | None:
    """The nearest file of settings, or `None`.

    Raises:
        UsageError: It cannot be read, is not TOML, or has a key that is no setting.
    """
    for folder in (directory, *directory.parents):
        own, pyproject = folder / _OWN, folder / _PYPROJECT
        table_of_project = _table(pyproject, directory) if _is_file(pyproject) else None
        if _is_file(own):
            warnings: tuple[str, ...] = ()
            if table_of_project is not None:
                names = shown_path(own, directory), shown_path(pyproject, directory)
                warnings = (f"{names[0]} is read, and `[tool.uncork]` in {names[1]} is not",)
            return _checked(own, _table(own, directory) or {}, directory, warnings)
        if table_of_project is not None:
            return _checked(pyproject, table_of_project, directory)
    return None


def read_settings_file(path: Path, directory: Path) -> SettingsFile:
    """The file that was named with `--config`.

    Raises:
        UsageError: It cannot be read, is not TOML, or has a key that is no setting.
    """
    table = _table(path, directory)
    if table is None:
        raise UsageError(
            f"{shown_path(path, directory)} has no settings",
            cause="there is no table `[tool.uncork]` in it",
            hints=("add one, or name a file of another name: all of that is settings",),
        )
    return _checked(path, table, directory)


def _is_file(path: Path) -> bool:
    # Path.is_file raises for a folder above that is closed to us.
    try:
        return path.is_file()
    except OSError:
        return False


def _table(path: Path, directory: Path) -> dict[str, Any] | None:
    """The table of settings in a file; `None` when a `pyproject.toml` has none."""
    shown = shown_path(path, directory)
    text = text_of(path, shown)
    is_pyproject = path.name == _PYPROJECT
    if is_pyproject and "uncork" not in text:
        # Somebody else's file; not ours to judge, and not worth the import.
        return None
    document = _parsed(text, shown)
    if not is_pyproject:
        return document
    table = document.get("tool", {})
    table = table.get("uncork") if isinstance(table, dict) else None
    if table is None or isinstance(table, dict):
        return table
    raise UsageError(f"`tool.uncork` in {shown} is not a table", hints=("write `[tool.uncork]`",))


def _parsed(text: str, shown: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 (only a project with such a file pays for it)

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line ([0-9]+)", str(error))
        place = f"{shown}:{line[1]}" if line else shown
        raise UsageError(
            f"could not read {place}: it is not TOML",
            cause=str(error),
            hints=('text stands in quotes: `keep_alive = "30s"`',),
        ) from None


def _checked(
    path: Path, table: Mapping[str, Any], directory: Path, warnings: tuple[str, ...] = ()
) -> SettingsFile:
    text = text_of(path, shown_path(path, directory))
    top = ("tool", "uncork") if path.name == _PYPROJECT else ()
    shown = shown_path(path, directory)
    table = dict(table)
    dev = table.pop(DEV_TABLE, {})
    if not isinstance(dev, dict):
        raise UsageError(
            f"`{DEV_TABLE}` in {shown} is not a table",
            hints=(f"write `[{'.'.join((*top, DEV_TABLE))}]`",),
        )

    def checked(
        values: Mapping[str, Any], tables: tuple[str, ...], known: tuple[Declaration, ...]
    ) -> Source:
        names = {each.name: each for each in known if each.is_in_files}
        source: dict[str, Given] = {}
        for key, raw in values.items():
            line = line_of_key(text, tables, key)
            place = shown + (f":{line}" if line else "")
            if key not in names:
                raise _unknown_key(key, place, names)
            source[names[key].field] = Given(raw, Origin("file", place, _STRENGTH), path.parent)
        return source

    return SettingsFile(
        path,
        checked(table, top, declarations()),
        checked(dev, (*top, DEV_TABLE), dev_declarations()),
        warnings,
    )


def _unknown_key(key: str, place: str, known: Mapping[str, Declaration]) -> UsageError:
    if key == "config":
        return UsageError(f"`config` cannot be set in {place}", hints=("take the line out",))
    hints = did_you_mean(key, known) or ("`uncork serve --show-settings` lists them all",)
    return UsageError(f"unknown setting `{key}` in {place}", hints=hints)
