"""From the bytes that a program prints to lines that may stand among those of others.

Nothing of it moves the cursor, clears the screen or rings; colours stay where colours are wanted.
What is kept is bounded: a line that does not end is cut.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_LINE_CHARACTERS = 8192
# An escape sequence that is longer than this is cut in two.
_SEQUENCE_CHARACTERS = 64
# ECMA-48: control sequences, strings up to their end, and what has two characters or three.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?"
    r"|[ -/]*[0-~])"
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]|\x1b(?!\[[0-9;:]*m)")
_NO_COLOUR = "\x1b[0m"


class ProgramOutput:
    """Takes bytes in any pieces and gives lines.

    Args:
        has_colour: Whether colours stay.
    """

    def __init__(self, *, has_colour: bool) -> None:
        self._has_colour = has_colour
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    @property
    def has_begun_line(self) -> bool:
        """Whether there is one that has not ended yet."""
        return bool(self._begun)

    def feed(self, data: bytes) -> list[str]:
        """The lines that have ended with these bytes."""
        *ended, self._begun = (self._begun + self._decoder.decode(data)).split("\n")
        lines = [piece for line in ended for piece in _pieces(_left_over(line))]
        self._begun = _overwritten(self._begun)
        if len(self._begun) > _LINE_CHARACTERS:
            *pieces, self._begun = _pieces(self._begun)
            lines += pieces
        return list(self._shown(lines))

    def rest(self) -> list[str]:
        """The line that has begun, as if it ended here."""
        line, self._begun = self._begun, ""
        return list(self._shown([_left_over(line)])) if line else []

    def _shown(self, lines: list[str]) -> Iterator[str]:
        for line in lines:
            text = _SEQUENCE.sub(self._sequence, line)
            text = _CONTROL.sub(_escaped, text)
            if text or not line:  # else it only moved something
                yield text + _NO_COLOUR if "\x1b" in text else text

    def _sequence(self, found: re.Match[str]) -> str:
        return found[0] if self._has_colour and _COLOUR.fullmatch(found[0]) else ""


def _left_over(line: str) -> str:
    """What a terminal shows of a line that was written over itself, as a progress bar is."""
    return line.rstrip("\r").rpartition("\r")[2]


def _overwritten(line: str) -> str:
    """The same for a line that goes on."""
    text = line.rstrip("\r")
    return text.rpartition("\r")[2] + line[len(text) :][:1]


def _pieces(line: str) -> Iterator[str]:
    """A line in pieces that are not too long; no sequence is cut in two."""
    while len(line) > _LINE_CHARACTERS:
        cut = _LINE_CHARACTERS
        last = line.rfind("\x1b", cut - _SEQUENCE_CHARACTERS, cut)
        found = _SEQUENCE.match(line, last) if last >= 0 else None
        if found is not None and found.end() > cut:
            cut = last
        yield line[:cut]
        line = line[cut:]
    yield line


def _escaped(found: re.Match[str]) -> str:
    return "" if found[0] == "\x07" else f"\\x{ord(found[0]):02x}"
