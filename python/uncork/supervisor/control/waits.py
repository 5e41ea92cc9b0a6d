"""What a command answers with: a result, or one that is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Result = Mapping[str, Any]


class Wait(Protocol):
    """A result that is not there yet; asked again whenever the supervisor's loop turns."""

    def result(self, now: float) -> Result | None:
        """The result; `None`: it is not there yet.

        Raises:
            UncorkError: There will be none.
        """

    def next_look(self) -> float | None:
        """When to ask even if nothing happened, by the monotonic clock; `None`: never."""
