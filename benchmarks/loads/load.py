"""What every load is."""

from __future__ import annotations

from typing import Protocol

from benchmarks.servers.running import Bench
from benchmarks.servers.server import Server


class Load(Protocol):
    """One way to put work on a server, and what to measure meanwhile."""

    @property
    def key(self) -> str:
        """The name on the command line and in results."""
        ...

    @property
    def title(self) -> str:
        """The name in the report."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The numbers in the report, as in `METRICS`; the rows are ordered by the first."""
        ...

    @property
    def is_for_bare_loop(self) -> bool:
        """Whether the bare epoll loop can answer it."""
        ...

    def measure(self, server: Server, bench: Bench) -> dict[str, float]:
        """Starts the server, loads it, stops it.

        Raises:
            Disqualified: Anything went wrong.
        """
        ...
