"""All servers of a run, in one list."""

from __future__ import annotations

from pathlib import Path

from benchmarks.servers.bare_loop import BARE_LOOP
from benchmarks.servers.peers import PEERS
from benchmarks.servers.server import Server
from benchmarks.servers.uncork import uncork


def all_servers(uncork_executable: Path) -> list[Server]:
    """uncork, its peers, and the limit."""
    return [uncork(uncork_executable), *PEERS, BARE_LOOP]


def titles() -> dict[str, str]:
    """Each server's name in the report, by its key."""
    return {server.key: server.title for server in all_servers(Path("uncork"))}
