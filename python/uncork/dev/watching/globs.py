"""Globs as regular expressions: `**` is any number of folders, the others stay in one name."""

from __future__ import annotations

import re

_MAGIC = re.compile(r"[*?\[]")


def is_glob(text: str) -> bool:
    """Whether it stands for more than itself."""
    return _MAGIC.search(text) is not None


def glob_regex(pattern: str) -> str:
    """What `re.fullmatch` matches a path with, parted by `/`."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        is_begin = at == 0 or pattern[at - 1] == "/"
        if is_begin and pattern.startswith("**/", at):
            parts.append("(?:[^/]+/)*")
            at += 3
        elif is_begin and pattern[at:] == "**":
            parts.append(".+")
            at += 2
        else:
            text, at = _one(pattern, at)
            parts.append(text)
    return "".join(parts)


def _one(pattern: str, at: int) -> tuple[str, int]:
    """The expression for what stands there, and where the next begins."""
    char = pattern[at]
    if char == "*":
        while pattern[at : at + 1] == "*":
            at += 1
        return "[^/]*", at
    if char == "?":
        return "[^/]", at + 1
    if char == "[":
        # A bracket that comes first is one of the characters.
        end = pattern.find("]", at + 3 if pattern[at + 1 : at + 2] in ("!", "^") else at + 2)
        if end > 0:
            inside = pattern[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            if inside[0] in "!^":
                inside = "^" + inside[1:]
            return f"(?!/)[{inside}]", end + 1
    if char == "\\" and at + 1 < len(pattern):
        return re.escape(pattern[at + 1]), at + 2
    return re.escape(char), at + 1
