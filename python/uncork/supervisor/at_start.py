"""The settings that hold for as long as the listeners are open, whatever is read later."""

from __future__ import annotations

from collections.abc import Mapping

from uncork import console
from uncork.settings import Settings

_AT_START = ("bind", "admin", "backlog", "unix_mode", "unix_owner", "error_log")
"""Settings that a reload does not change: they are those of what is open."""


def at_start(settings: Settings) -> dict[str, str]:
    """Those settings, as text, by their names."""
    return {name: repr(getattr(settings, name)) for name in _AT_START}


def warn_of_changed(before: Mapping[str, str], settings: Settings, action: str) -> None:
    """Tells which of them were changed to no effect.

    Args:
        before: What `at_start` gave of those that hold.
        settings: Those that were read now.
        action: What they were read for.
    """
    now = at_start(settings)
    if changed := [name for name, text in now.items() if before.get(name) != text]:
        names = ", ".join(f"`{name}`" for name in changed)
        console.warn(f"a {action} does not change {names}: that takes a new start")
