"""Listeners that somebody else opened: `fd://N`."""

from __future__ import annotations

import os
import socket
import stat

from uncork.errors import EnvironmentProblem
from uncork.settings.bind import Bind

_HINT = "systemd passes the sockets of a `.socket` unit from 3 on: `--bind fd://3`"


def adopt(bind: Bind) -> socket.socket:
    """The listening socket at descriptor `bind.descriptor`, which is this process's from now on.

    Raises:
        EnvironmentProblem: There is none, or it is something else.
    """
    try:
        mode = os.fstat(bind.descriptor).st_mode
    except OSError:
        raise _refusal(bind, "no such descriptor was passed to this process") from None
    if not stat.S_ISSOCK(mode):
        raise _refusal(bind, f"it is {_kind(mode)}, not a socket")
    listener = socket.socket(fileno=bind.descriptor)
    why = _unusable(listener)
    if why is not None:
        listener.detach()
        raise _refusal(bind, why)
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener


def _unusable(listener: socket.socket) -> str | None:
    if listener.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return "it is a socket of a family that carries no HTTP"
    if listener.type != socket.SOCK_STREAM:
        return "it is a datagram socket, not a stream socket"
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "it is a socket that is not listening"
    return None


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "a file"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a device" if stat.S_ISCHR(mode) else "something else"


def _refusal(bind: Bind, cause: str) -> EnvironmentProblem:
    return EnvironmentProblem(f"could not listen on `{bind.text}`", cause=cause, hints=(_HINT,))
