"""uncork itself, with nothing tuned but the number of workers: one, as everybody has here."""

from __future__ import annotations

from pathlib import Path

from benchmarks.servers.server import Server

KEY = "uncork"


def uncork(executable: Path) -> Server:
    """The server behind an `uncork` command; its Python stands beside it."""

    def command(app: str, port: int) -> list[str]:
        return [str(executable), "serve", app, "--bind", f"127.0.0.1:{port}", "--workers", "1"]

    return Server(KEY, "uncork", command, python=executable.parent / "python")
