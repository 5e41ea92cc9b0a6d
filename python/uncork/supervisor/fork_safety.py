"""What the app has in its process that a fork would break, as far as one can see it.

A thread is not in the new process, and whatever lock it held stays locked there. A connection
would be in all of them, and each would read what another one was sent.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc/self")
# A thread is gone for Python a moment before it is for the system.
_LINGER_SECONDS = 0.2
_LINGER_STEP_SECONDS = 0.001
_SQLITE_MAGIC = b"SQLite format 3\0"
# Of graphics processors, whose contexts do not outlive a fork.
_DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def open_descriptors() -> frozenset[str]:
    """What is open by now, and was not opened by the app: it has not been loaded yet."""
    return frozenset(target for _, target in _descriptors())


def what_forbids_a_fork(known_threads: Collection[int], known: frozenset[str]) -> str | None:
    """Why no worker can be forked from this process, as a sentence goes on; `None`: one can.

    Args:
        known_threads: The native ids of threads that will be gone by then.
        known: What `open_descriptors` gave before the app was loaded.
    """
    try:
        return (
            _other_thread({threading.get_native_id(), *known_threads})
            or _other_process()
            or _open_connection(known)
            or _timer()
            or _temporary()
        )
    except OSError:
        return "what the app holds can't be seen without `/proc`"


def is_alone() -> bool:
    """Whether this thread is the only one of its process."""
    try:
        return _other_thread({threading.get_native_id()}) is None
    except OSError:
        return False


def _other_thread(known: Collection[int]) -> str | None:
    deadline = time.monotonic() + _LINGER_SECONDS
    while others := [number for number in _threads() if number not in known]:
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        for number in others:
            if number in names:
                return f"the app started thread `{names[number]}`"
        if time.monotonic() > deadline:
            return f"the app started a thread outside of Python (`{_name_of(others[0])}`)"
        time.sleep(_LINGER_STEP_SECONDS)
    return None


def _threads() -> list[int]:
    return [int(entry.name) for entry in (_PROC / "task").iterdir()]


def _name_of(thread: int) -> str:
    try:
        return (_PROC / "task" / str(thread) / "comm").read_text().strip()
    except OSError:
        return str(thread)


def _other_process() -> str | None:
    for thread in _threads():
        with suppress(OSError):
            children = (_PROC / "task" / str(thread) / "children").read_text().split()
            if children:
                return f"the app started process {children[0]}"
    return None


def _timer() -> str | None:
    if any(signal.getitimer(timer)[0] for timer in _TIMERS):
        return "the app set a timer of `signal`"
    return None


def _temporary() -> str | None:
    """A file or folder that is taken away when the object that made it goes: in each worker."""
    tempfile = sys.modules.get("tempfile")
    if tempfile is None:
        return None
    kinds = (tempfile.TemporaryDirectory, getattr(tempfile, "_TemporaryFileWrapper", ()))
    for each in gc.get_objects():
        # Not by `isinstance`, which asks the object itself: proxies answer for what they stand for.
        if issubclass(type(each), kinds):
            name = str(each.name)
            if os.path.lexists(name):
                return f"the app made `{name}` for as long as its process runs"
    return None


def _open_connection(known: frozenset[str]) -> str | None:
    for descriptor, target in _descriptors():
        if target in known:
            continue
        if target.startswith("socket:"):
            found = _peer(descriptor)
        elif target == "anon_inode:[eventpoll]":
            found = "an event loop"
        elif target.startswith(_DEVICES):
            found = f"`{target}`"
        else:
            found = _database(descriptor, target)
        if found:
            return f"the app has {found} open"
    return None


def _peer(descriptor: int) -> str | None:
    """The other end of a connection; `None` for a socket without one.

    Deliberately not: a datagram socket of the unix family. Whole messages go out by it, and those
    of several processes may: the system's log is one.
    """
    try:
        with socket.socket(fileno=os.dup(descriptor)) as own:
            if own.family == socket.AF_UNIX and own.type == socket.SOCK_DGRAM:
                return None
            address = own.getpeername()
    except OSError:
        return None
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"a connection to `{f'[{host}]' if ':' in str(host) else host}:{port}`"
    name = address.decode(errors="replace") if isinstance(address, bytes) else str(address)
    return f"a connection to `{name}`" if name.strip("\0") else "a pair of sockets"


def _database(descriptor: int, target: str) -> str | None:
    """A database of SQLite, which forbids to take a connection across a fork."""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        is_database = os.pread(descriptor, len(_SQLITE_MAGIC), 0) == _SQLITE_MAGIC
    except OSError:
        return None
    return f"the database `{Path(target).name}`" if is_database else None


def _descriptors() -> Iterator[tuple[int, str]]:
    """Each descriptor, and what it is of."""
    try:
        names = [entry.name for entry in (_PROC / "fd").iterdir()]
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            yield int(name), str((_PROC / "fd" / name).readlink())
