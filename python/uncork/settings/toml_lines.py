"""The line on which a key of a TOML document stands, for messages.

`tomllib` keeps no positions. A line that looks right is put to the test: with its key
renamed, the document must lose the key and gain the new name in the same table. So a line
inside a text of several lines, or the same key in another table, is never taken for it.
"""

from __future__ import annotations

import re
from typing import Any

_PROBE = "uncork-line-probe"


def line_of_key(text: str, table: tuple[str, ...], key: str) -> int | None:
    """The line, from 1, or `None` when the key is written in a way not looked for.

    Args:
        text: A document that `tomllib` reads.
        table: The names of the table that has the key; none for the top.
        key: The key.
    """
    for match in _candidates(text, table, key):
        start, end = match.span("key")
        if _is_renamed_by(text[:start] + _PROBE + text[end:], table, key):
            return text.count("\n", 0, start) + 1
    return None


def _candidates(text: str, table: tuple[str, ...], key: str) -> list[re.Match[str]]:
    name = rf"(?P<key>{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')"
    dot = r"[ \t]*\.[ \t]*"
    # `threads = 4`, or `uncork.threads = 4` in `[tool]`
    line = rf"^[ \t]*(?:[\w-]+{dot})*{name}[ \t]*[=.]"
    # `[tool.uncork.tls]`
    parents = "".join(re.escape(part) + dot for part in table)
    head = rf"^[ \t]*\[\[?[ \t]*{parents}{name}[ \t]*[\].]"
    found = [*re.finditer(line, text, re.MULTILINE), *re.finditer(head, text, re.MULTILINE)]
    return sorted(found, key=lambda match: match.start())


def _is_renamed_by(text: str, table: tuple[str, ...], key: str) -> bool:
    import tomllib  # noqa: PLC0415 (as in settings_file)

    try:
        found: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    for name in table:
        found = found.get(name) if isinstance(found, dict) else None
    return isinstance(found, dict) and _PROBE in found
