"""The nearest known name to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """A hint that names what was probably meant, or nothing."""
    import difflib  # noqa: PLC0415 (only a mistake needs it)

    by_core = {_core(name): name for name in known}
    # 0.7: `name` is not a slip for `as`, and `keepalive` is one for `keep_alive`.
    close = difflib.get_close_matches(_core(word), by_core, n=1, cutoff=0.7)
    return tuple(f"did you mean `{by_core[core]}`?" for core in close)


def _core(name: str) -> str:
    # What all names of one kind have in common must not make them look alike.
    return name.lower().removeprefix("uncork_").lstrip("-").replace("-", "_")
