"""The one place that prints.

Data goes to stdout, everything else to stderr, and both read the same without colour.
Colour is used on a terminal only, and never when `NO_COLOR` is set or `TERM` is `dumb`;
`FORCE_COLOR` forces it (https://no-color.org, https://force-color.org).
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from uncork.errors import UncorkError

_RED, _YELLOW, _CYAN, _DIM = "31", "33", "36", "2"
_LABEL_COLOURS = {"error": _RED, "warning": _YELLOW, "cause": _DIM, "hint": _CYAN, "note": _CYAN}


def out(text: str) -> None:
    """Prints data, such as a listing, to stdout."""
    _write(sys.stdout, text)


def draw(text: str) -> None:
    """Sends text to stdout as it is, such as what makes a terminal show something else."""
    _write(sys.stdout, text, end="")


def say(text: str) -> None:
    """Prints a line about what uncork does, such as the banner, to stderr."""
    _write(sys.stderr, text)


def note(text: str, *hints: str) -> None:
    """Prints a `note:` line, and a `hint:` line for each hint, to stderr."""
    _write(sys.stderr, _labelled("note", text, hints))


def warn(text: str, *hints: str) -> None:
    """Prints a `warning:` line, and a `hint:` line for each hint, to stderr."""
    _write(sys.stderr, _labelled("warning", text, hints))


def fail(error: UncorkError) -> None:
    """Prints an error in its three parts, with the details of the user's code, to stderr."""
    _write(sys.stderr, "\n".join(map(_colour_label, str(error).split("\n"))))


def _labelled(label: str, text: str, hints: tuple[str, ...]) -> str:
    lines = [f"{label}: {text}", *(f"hint: {hint}" for hint in hints)]
    return "\n".join(map(_colour_label, lines))


def _colour_label(line: str) -> str:
    label, separator, rest = line.partition(": ")
    colour = _LABEL_COLOURS.get(label)
    if not separator or colour is None or not has_colour(is_terminal=sys.stderr.isatty()):
        return line
    return f"\x1b[{colour}m{label}:\x1b[0m {rest}"


def has_colour(*, is_terminal: bool) -> bool:
    """Whether what is written to a terminal, or to something else, is coloured."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and is_terminal


def _write(stream: TextIO, text: str, end: str = "\n") -> None:
    try:
        stream.write(text + end)
        stream.flush()
    except UnicodeEncodeError:
        # The stream's encoding lacks a character: `\xfc` is better than no message.
        encoded = text.encode(stream.encoding, "backslashreplace")
        _write(stream, encoded.decode(stream.encoding), end)
    except (OSError, ValueError):
        # Deliberately not: an error. The reader of our output has gone, or the terminal or the
        # disk behind it; there is nobody to tell.
        pass
