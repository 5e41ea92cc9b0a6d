"""What exactly was run: uncork with its commit, the interpreter, and the peers."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.install import installed_versions
from benchmarks.servers.peers import PEERS
from benchmarks.servers.server import SUITE_BIN
from benchmarks.servers.uncork import KEY as UNCORK


def versions(executable: Path) -> dict[str, str]:
    """The versions of the `uncork` command, of Python, and of what is installed for the peers."""
    python = subprocess.run(
        [SUITE_BIN / "python", "--version"], capture_output=True, text=True, check=True
    )
    installed = installed_versions(SUITE_BIN / "python")
    names = {peer.distribution for peer in PEERS} | {"flask"}
    return {
        UNCORK: version_of_uncork(executable),
        "CPython": python.stdout.split()[-1],
    } | {name: installed[name] for name in sorted(filter(None, names)) if name in installed}


def version_of_uncork(executable: Path) -> str:
    """The version of the `uncork` command, with its commit."""
    uncork = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True)
    commit = subprocess.run(
        ["git", "-C", executable.parent, "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return f"{uncork.stdout.split()[-1]} ({commit or 'not from a repository'})"
