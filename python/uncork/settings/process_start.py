"""How this process was started: the interpreter's flags, the program it runs, the environment.

For whoever starts the same program again, which must find what this one has found. What the
program has changed since, in `sys.argv` or in `os.environ`, it will change again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_ENVIRON = Path("/proc/self/environ")  # proc_pid_environ(5): as it was at the start
# The interpreter's own (`Python/getopt.c`): these take a value, and `-c` and `-m` come last.
_WITH_VALUE = "WX"
_LONG_WITH_VALUE = "--check-hash-based-pycs"


@dataclass(frozen=True)
class ProcessStart:
    """The command line, taken apart.

    Attributes:
        flags: The interpreter's own, such as `-X dev`.
        kind: `other` is what can't be started again by a name: `-c`, stdin, the prompt.
        program: The file, or the name of the module; empty for `other`.
        arguments: What the program was given.
    """

    flags: tuple[str, ...]
    kind: Literal["file", "module", "other"]
    program: str = ""
    arguments: tuple[str, ...] = ()


def process_start(command: Sequence[str] | None = None) -> ProcessStart:
    """How the interpreter was started.

    Args:
        command: Its command line; `None` for that of this process.
    """
    words = list(sys.orig_argv if command is None else command)[1:]
    flags: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--" and words:
            return ProcessStart(tuple(flags), "file", words[0], tuple(words[1:]))
        if word.startswith("--"):
            flags.append(word)
            if word == _LONG_WITH_VALUE and words:
                flags.append(words.pop(0))
        elif not word.startswith("-"):
            return ProcessStart(tuple(flags), "file", word, tuple(words))
        elif word == "-":
            break
        else:
            last = _short_flags(word, words, flags)
            if last is not None:
                return last
    return ProcessStart(tuple(flags), "other")


def environ_at_start() -> Mapping[str, str] | None:
    """The environment that this process was started with; `None` where the system can't tell."""
    try:
        entries = _ENVIRON.read_bytes().split(b"\0")
    except OSError:
        return None
    pairs = (os.fsdecode(entry).partition("=") for entry in entries)
    found = {name: value for name, equals, value in pairs if name and equals}
    return found or None


def _short_flags(word: str, words: list[str], flags: list[str]) -> ProcessStart | None:
    """Takes in a word of one-letter flags; what is run, once one of them says so."""
    for place, letter in enumerate(word[1:], start=1):
        rest = word[place + 1 :]
        if letter in _WITH_VALUE:
            flags += [word] if rest or not words else [word, words.pop(0)]
            return None
        if letter in "cm":
            if place > 1:
                flags.append(word[:place])
            name = rest or (words.pop(0) if words else "")
            if letter == "c" or not name:
                return ProcessStart(tuple(flags), "other")
            return ProcessStart(tuple(flags), "module", name, tuple(words))
    flags.append(word)
    return None
