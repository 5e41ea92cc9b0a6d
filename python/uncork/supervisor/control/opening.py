"""Opens the control socket where the settings say, or where there is a place for it.

For want of a place nothing is said: a server is no worse for it, and the place that a read-only
container lacks is nobody's fault. What the user has named is another matter.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from uncork.errors import UncorkError
from uncork.settings import Bind
from uncork.supervisor.control.places import Place, default_places, process_of_file
from uncork.supervisor.control.server import Answering, ControlServer
from uncork.supervisor.privileges import RunAs
from uncork.supervisor.unix_listeners import SocketFile, open_unix

_BACKLOG = 128
_MODE = 0o600


def open_control(
    wanted: str, answering: Answering, user: RunAs | None = None
) -> ControlServer | None:
    """The control socket; `None`: there is none.

    Args:
        wanted: A path, `none`, or `auto` for wherever there is a place.
        answering: Fulfils requests.
        user: Who may ask too, besides root and whoever runs this process.

    Raises:
        UncorkError: The path can't be had.
    """
    if wanted == "none":
        return None
    if wanted != "auto":
        place = Place.of_file(Path(wanted).absolute())
        listener, file = _open(place, user)
        return ControlServer(listener, place, file, answering, user.user_id if user else None)
    for place in _candidates(is_for_all=user is not None):
        with suppress(UncorkError, OSError):
            if not place.is_abstract:
                _remove_stale_ones(Path(place.text).parent)
            listener, own = _open(place, user)
            return ControlServer(listener, place, own, answering, user.user_id if user else None)
    return None


def _candidates(*, is_for_all: bool) -> Iterator[Place]:
    yield from default_places(is_for_all=is_for_all)
    # Another process of the same number, in another container, may have the first ones.
    yield from default_places(f"-{os.urandom(3).hex()}", is_for_all=is_for_all)


def _open(place: Place, user: RunAs | None) -> tuple[socket.socket, SocketFile | None]:
    if not place.is_abstract:
        owner = user.owner if user else None
        return open_unix(Bind("unix", path=place.text), _BACKLOG, mode=_MODE, owner=owner)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(place.address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener, None


def _remove_stale_ones(folder: Path) -> None:
    """Removes what servers that were killed have left in the folder."""
    for entry in os.scandir(folder):
        process = process_of_file(entry.name)
        if process is not None and not _is_alive(process) and _is_refused(entry.path):
            Path(entry.path).unlink()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _is_refused(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) == errno.ECONNREFUSED
