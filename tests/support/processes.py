"""What the processes of a live server use of the machine, from `/proc`."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.live_server import LiveServer


def memory_bytes(server: LiveServer) -> int:
    """Memory that is resident."""
    pages = sum(int((folder / "statm").read_text().split()[1]) for folder in _folders(server))
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(server: LiveServer) -> float:
    """Time that was spent computing, since the start."""
    ticks = 0
    for folder in _folders(server):
        # What follows the name, which may hold blanks: proc_pid_stat(5), from field 3 on.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def count_descriptors(server: LiveServer) -> int:
    """Descriptors that are open."""
    return sum(len(list((folder / "fd").iterdir())) for folder in _folders(server))


def _folders(server: LiveServer) -> list[Path]:
    """Of the server and whatever it has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == server.pid:
                found.append(folder)
        except ProcessLookupError:
            continue
    return found
