"""Makes room for connections in the number of files that the system lets this process open.

A process starts with two limits (getrlimit(2)): the soft one holds, and may be raised by anybody
up to the hard one. Many systems set the soft one to 1,024, for programs that use select(2).
"""

from __future__ import annotations

import resource

from uncork import console

# Beyond this, programs that are started by the app and close every descriptor that there might
# be take seconds for it; it is also the most that Linux allows by default (`fs.nr_open`).
_ENOUGH = 1 << 20
# What the app, its threads and uncork itself open beside connections: a share, for who has many
# clients has many threads too, and never less than this.
_SPARE_SHARE = 8
_LEAST_SPARE = 32


def room_for_connections(wanted: int, *, warns: bool = True) -> int:
    """How many connections there is room for, up to `wanted`; raises the soft limit first.

    Where the hard limit is too low, a warning is printed, unless another worker has done that.
    """
    limit = _raise_limit(wanted)
    spare = max(limit // _SPARE_SHARE, _LEAST_SPARE)
    room = max(limit - spare, 1)
    if room >= wanted:
        return wanted
    if not warns:
        return room
    console.warn(
        f"there is room for {room} connections, not for {wanted}: "
        f"this process may open {limit} files at most",
        "raise that limit: `ulimit -Hn` in a shell, `LimitNOFILE=` in a unit of systemd, "
        "`--ulimit nofile=` with Docker",
        f"or accept it with `--max-connections {room}`",
    )
    return room


def _raise_limit(connections: int) -> int:
    """The limit of open files, raised as far as it goes and makes sense."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = max(_ENOUGH, 2 * connections)
    if soft == resource.RLIM_INFINITY:
        return enough
    raised = enough if hard == resource.RLIM_INFINITY else min(hard, enough)
    if raised <= soft:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (OSError, ValueError):
        # macOS says that there is no limit, and has one all the same (`kern.maxfilesperproc`).
        return soft
    return raised
