"""Who is at the other end of a unix socket, as the kernel says it."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

# <sys/un.h> and <sys/ucred.h> of macOS and the BSDs; Python has no names for them.
_SOL_LOCAL, _LOCAL_PEERCRED = 0, 1
_XUCRED_BYTES = 76
_ROOT = 0


@dataclass(frozen=True)
class Peer:
    """The process at the other end.

    Attributes:
        user: Its effective user, when it connected or began to listen.
        process: Its number as seen from here; `None`: it is in a container of its own, or the
            system does not tell.
    """

    user: int
    process: int | None

    @property
    def is_trusted(self) -> bool:
        """Whether it is root, or the user that this process is."""
        return self.user in (_ROOT, os.geteuid())


def peer_of(connection: socket.socket) -> Peer:
    """The peer of a connected unix socket.

    Raises:
        OSError: The system does not say who it is.
    """
    if hasattr(socket, "SO_PEERCRED"):
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        process, user, _ = struct.unpack("iIi", packed)
        return Peer(user, process or None)
    packed = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES)
    _, user = struct.unpack_from("II", packed)
    return Peer(user, None)
