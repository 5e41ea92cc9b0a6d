"""A stand-in for systemd: opens listeners, starts the command, and hears what it is told.

It does what sd_notify(3) and sd_listen_fds(3) say, and nothing else. As a program,
`service_manager.py NAME[=PATH]… -- COMMAND` opens a TCP listener, or a unix one at PATH, for each
name, from descriptor 3 on; it writes the ports into the file `ports` and becomes the command.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_CREDENTIALS = struct.Struct("3i")  # `struct ucred`: pid, uid, gid
_DEADLINE_SECONDS = 8.0


@dataclass(frozen=True)
class Told:
    """One message.

    Attributes:
        pid: Who has sent it, as the kernel says.
    """

    lines: tuple[str, ...]
    pid: int

    @property
    def values(self) -> dict[str, str]:
        """The assignments of the message."""
        return dict(line.split("=", 1) for line in self.lines)


class Manager:
    """Hears what a service tells while its `with` block runs.

    Args:
        address: A path, or `@` and the name of an abstract socket.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[Told] = []

    @property
    def env(self) -> dict[str, str]:
        """What the service gets into its environment."""
        return {"NOTIFY_SOCKET": self.address}

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(self.address.replace("@", "\0"))
        self._socket.settimeout(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def hear(self) -> None:
        """Takes what has come, or waits for a moment."""
        try:
            data, extra, _, _ = self._socket.recvmsg(1 << 16, socket.CMSG_SPACE(_CREDENTIALS.size))
        except TimeoutError:
            return
        pid, _, _ = _CREDENTIALS.unpack(extra[0][2])
        self.told.append(Told(tuple(data.decode().split("\n")), pid))

    def wait_for(self, is_it: Callable[[Told], bool], what: str) -> Told:
        """The first message of which that holds, and which was not asked for before.

        Raises:
            AssertionError: It did not come in time.
        """
        deadline = time.monotonic() + _DEADLINE_SECONDS
        seen = 0
        while time.monotonic() < deadline:
            for told in self.told[seen:]:
                if is_it(told):
                    del self.told[: self.told.index(told) + 1]
                    return told
            seen = len(self.told)
            self.hear()
        raise AssertionError(f"was not told {what}; was told {self.told}")

    def wait_for_line(self, line: str) -> Told:
        """The first message with that line, after the one that was asked for before."""
        return self.wait_for(lambda told: line in told.lines, line)


def activated(*listeners: str) -> Callable[[Sequence[str]], list[str]]:
    """For `LiveServer`: the command, as a service with these listeners is started."""

    def wrap(command: Sequence[str]) -> list[str]:
        return [sys.executable, __file__, *listeners, "--", *command]

    return wrap


def _main(arguments: list[str]) -> None:
    place = arguments.index("--")
    opened, names = [], []
    for listener in arguments[:place]:
        name, _, path = listener.partition("=")
        if path:
            made = socket.socket(socket.AF_UNIX)
            made.bind(path)
            made.listen()
        else:
            made = socket.create_server(("127.0.0.1", 0))
        opened.append(made)
        names.append(name)
    ports = [made.getsockname()[1] for made in opened if made.family == socket.AF_INET]
    Path("ports").write_text(" ".join(map(str, ports)))
    moved = [os.dup2(made.fileno(), 100 + number) for number, made in enumerate(opened)]
    for number, descriptor in enumerate(moved):
        os.dup2(descriptor, 3 + number, inheritable=True)
        os.close(descriptor)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(opened))
    os.environ["LISTEN_FDNAMES"] = ":".join(names)
    command = arguments[place + 1 :]
    os.execv(command[0], command)


if __name__ == "__main__":
    _main(sys.argv[1:])
