"""What a probe is: one situation on a real socket, and the judgement of what came of it.

A probe does not know which server it asks. It is given a port where `probed:app` is served by
one process with `THREADS` threads, and may leave that server in any state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

THREADS = 16  # of each server that has such a setting


@dataclass(frozen=True)
class Verdict:
    """What the server did, in a few words.

    Args:
        text: A cell of the table.
        is_right: `None` when the server does not offer what was to be judged.
    """

    text: str
    is_right: bool | None


@dataclass(frozen=True)
class Probe:
    """One row.

    Args:
        key: The name on the command line and in results.
        title: What the client or the application does.
        right: What is right, with its source where there is one.
        ask: Asks the server at that port.
    """

    key: str
    title: str
    right: str
    ask: Callable[[int], Verdict]


@dataclass(frozen=True)
class Group:
    """One table: probes of a kind, with what they have in common."""

    title: str
    text: str
    probes: tuple[Probe, ...]


def right(text: str) -> Verdict:
    """The server did as it should."""
    return Verdict(text, is_right=True)


def wrong(text: str) -> Verdict:
    """The server did not."""
    return Verdict(text, is_right=False)


def judge(text: str, *, is_right: bool) -> Verdict:
    """One of the two."""
    return Verdict(text, is_right)
