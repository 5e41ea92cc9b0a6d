"""The nearest known name to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """A hint that names what was probably meant, or nothing."""
    import difflib  # noqa: PLC0415 (only a mistake needs it)

    by_lower = {name.lower().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), by_lower, n=1)
    return tuple(f"did you mean `{by_lower[name]}`?" for name in close)
