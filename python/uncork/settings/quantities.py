"""Durations and sizes as people write them, strictly.

A unit that two tools read differently (`16M`, `64KB`, `30S`) is refused with both readings
in the hint. A number without a unit is seconds or bytes.
"""

from __future__ import annotations

import re
from decimal import Decimal

from uncork.settings.bad_value import BadValueError

_SECONDS = {
    "d": Decimal(86400),
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_BINARY = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_BYTES = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "TB": 1000**4, **_BINARY}

# Eighteen digits: more than any limit here, and fewer than `int` refuses to read.
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_PART = re.compile(rf"({_NUMBER.pattern}) ?([A-Za-zµμ]+)")

_DURATION_HINT = "write it as in `30s`, `1m30s`, `2h`, `500ms` or `30` (seconds)"
_SIZE_HINT = "write it as in `16MiB`, `64KiB`, `10MB` or `65536` (bytes)"


def parse_duration(text: str) -> float:
    """The duration that `text` names, in seconds.

    Raises:
        BadValueError: It is not a number, or a chain of numbers with falling units.
    """
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(_PART.split(text)[::3]).strip(" "):
        raise BadValueError("it is not a duration", _DURATION_HINT)
    return float(_sum_of_parts(parts))


def format_duration(seconds: float) -> str:
    """The shortest text in whole units that `parse_duration` reads back as `seconds`."""
    rest = Decimal(repr(seconds))
    if rest < 1 and rest * 1000 == int(rest * 1000):
        return f"{int(rest * 1000)}ms" if rest else "0s"
    if rest != int(rest):
        return f"{rest:f}s"
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, _SECONDS[unit])
        text += f"{int(count)}{unit}" if count else ""
    return text


def parse_size(text: str) -> int:
    """The size that `text` names, in bytes.

    Raises:
        BadValueError: It is not a number with a known unit, or not a whole number of bytes.
    """
    if re.fullmatch(r"[0-9]{1,18}", text):
        return int(text)
    match = _PART.fullmatch(text)
    if not match:
        raise BadValueError("it is not a size", _SIZE_HINT)
    number, unit = match.groups()
    if unit not in _BYTES:
        raise _unknown_size_unit(number, unit)
    size = Decimal(number) * _BYTES[unit]
    if size != int(size):
        raise BadValueError("it is not a whole number of bytes", _SIZE_HINT)
    return int(size)


def format_size(size: int) -> str:
    """The text that `parse_size` reads back as `size`: the largest exact binary unit."""
    for unit, factor in reversed(_BINARY.items()):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def _sum_of_parts(parts: list[tuple[str, str]]) -> Decimal:
    total = Decimal(0)
    units = list(_SECONDS)
    for number, unit in parts:
        if unit not in _SECONDS:
            raise BadValueError(f"`{unit}` is not a unit of time", _DURATION_HINT)
        if unit not in units:
            raise BadValueError(f"the unit `{unit}` is repeated or out of order", _DURATION_HINT)
        if "." in number and len(parts) > 1:
            raise BadValueError("a fraction stands beside other units", _DURATION_HINT)
        units = units[units.index(unit) + 1 :]
        total += Decimal(number) * _SECONDS[unit]
    return total


def _unknown_size_unit(number: str, unit: str) -> BadValueError:
    readings = {"k": ("KiB", "kB"), "m": ("MiB", "MB"), "g": ("GiB", "GB"), "t": ("TiB", "TB")}
    meant = readings.get(unit[0].lower())
    if meant is None or unit.lower()[1:] not in ("", "b", "i", "ib"):
        return BadValueError(f"`{unit}` is not a unit of size", _SIZE_HINT)
    binary, decimal = (f"`{number}{name}` ({_count(number, name)})" for name in meant)
    return BadValueError(
        f"`{unit}` does not say which of two units is meant", f"write {binary} or {decimal}"
    )


def _count(number: str, unit: str) -> str:
    return f"{int(Decimal(number) * _BYTES[unit]):,} bytes"
