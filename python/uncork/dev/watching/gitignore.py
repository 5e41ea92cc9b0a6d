"""What a `.gitignore` says of a path (gitignore(5)).

Rules that follow each other and say the same are one expression, since a project may have ten
thousand files and each is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from uncork.dev.watching.globs import glob_regex

FILE_NAME = ".gitignore"
# What is longer is no list that a person wrote.
_MAX_BYTES = 256 * 1024


class _Run(NamedTuple):
    """Rules that follow each other and say the same."""

    ignores: bool
    folders: re.Pattern[str]
    files: re.Pattern[str] | None  # `None`: all are only for folders


class _Rules(NamedTuple):
    """One file's; the last run that matches decides."""

    folder: str
    runs: tuple[_Run, ...]


@dataclass(frozen=True)
class GitIgnore:
    """The rules that hold in one folder: those of its own file, and of the folders around it."""

    chain: tuple[_Rules, ...] = ()

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Whether git would leave that out, if it does not the folder in which it lies."""
        for rules in reversed(self.chain):
            seen_from_there = path[len(rules.folder) + 1 :]
            for run in reversed(rules.runs):
                pattern = run.folders if is_folder else run.files
                if pattern is not None and pattern.fullmatch(seen_from_there):
                    return run.ignores
        return False

    def within(self, folder: str, text: str) -> GitIgnore:
        """The same with the rules of a folder further down."""
        runs = tuple(_runs(text.splitlines()))
        return GitIgnore((*self.chain, _Rules(folder.rstrip("/"), runs))) if runs else self


def rules_around(folder: str) -> GitIgnore:
    """Those that hold in a folder because of the ones around it, up to its repository's top."""
    found: list[tuple[Path, Path]] = []
    here = Path(folder)
    for each in (here, *here.parents):
        if each != here:
            found.append((each, each / FILE_NAME))
        if (each / ".git").exists():
            found.append((each, each / ".git/info/exclude"))
            break
    else:
        return GitIgnore()  # no repository, no rules
    rules = GitIgnore()
    for base, file in reversed(found):
        rules = rules.within(str(base), read_rules(str(file)))
    return rules


def read_rules(path: str) -> str:
    """The text of such a file; empty if there is none."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


def _runs(lines: Iterable[str]) -> Iterable[_Run]:
    sign, gathered = True, list[tuple[str, bool]]()
    for line in lines:
        rule = _rule(line)
        if rule is None:
            continue
        ignores, regex, is_for_folders = rule
        if gathered and ignores != sign:
            yield _run(sign, gathered)
            gathered = []
        sign = ignores
        gathered.append((regex, is_for_folders))
    if gathered:
        yield _run(sign, gathered)


def _run(ignores: bool, rules: list[tuple[str, bool]]) -> _Run:
    for_files = [regex for regex, is_for_folders in rules if not is_for_folders]
    return _Run(
        ignores,
        re.compile("|".join(regex for regex, _ in rules)),
        re.compile("|".join(for_files)) if for_files else None,
    )


def _rule(line: str) -> tuple[bool, str, bool] | None:
    """Whether it ignores, the expression, and whether it is for folders only."""
    text = line.rstrip("\r\n")
    while text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    if not ignores:
        text = text[1:]
    is_for_folders = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    is_anchored = "/" in text
    regex = glob_regex(text.lstrip("/"))
    try:
        re.compile(regex)
    except re.error:
        return None  # `[z-a]`: git, too, makes nothing of it
    return ignores, regex if is_anchored else f"(?:.*/)?{regex}", is_for_folders
