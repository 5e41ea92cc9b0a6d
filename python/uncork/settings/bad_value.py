"""What is wrong with one value, before anybody knows where it came from.

Kinds raise it; `resolution` adds the origin and makes a `UsageError` of it.
"""

from __future__ import annotations


class BadValueError(ValueError):
    """A value that cannot be used: why, and what to write instead."""

    def __init__(self, cause: str, hint: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint
