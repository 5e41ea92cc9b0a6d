"""The servers that are probed: as the benchmarks run them, with the same number of threads."""

from __future__ import annotations

from pathlib import Path

from benchmarks.behaviour.probe import THREADS
from benchmarks.servers.peers import PEERS
from benchmarks.servers.server import Server
from benchmarks.servers.uncork import KEY as UNCORK

_CHOSEN = (
    "gunicorn-16",
    "granian-16",
    "uwsgi-16",
    "waitress-16",
    "werkzeug",
    "bjoern",
    "fastwsgi",
)


def probed_servers(executable: Path) -> list[Server]:
    """The columns: uncork and its peers.

    Each stands once: with as many threads as there are in every other, if it has such a setting.
    """

    def command(app: str, port: int) -> list[str]:
        flags = ["--bind", f"127.0.0.1:{port}", "--threads", str(THREADS)]
        return [str(executable), "serve", app, *flags]

    by_key = {peer.key: peer for peer in PEERS}
    ours = Server(UNCORK, f"uncork, {THREADS} threads", command, python=None)
    return [ours, *(by_key[key] for key in _CHOSEN)]
