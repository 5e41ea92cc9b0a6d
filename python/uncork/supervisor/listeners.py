"""The sockets that are listened on: opened all or none, closed without a trace.

The supervisor opens them and hands on descriptors; whoever serves knows nothing of binding.
Every listener is listening, does not block, and is closed in programs that the app starts.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from uncork.errors import UncorkError, UsageError
from uncork.settings.bind import Bind, parse_bind
from uncork.supervisor.handover import HandedListener
from uncork.supervisor.inherited_listeners import adopt
from uncork.supervisor.tcp_listeners import open_tcp
from uncork.supervisor.unix_listeners import SocketFile, open_unix


@dataclass(frozen=True)
class ListenerOptions:
    """What is the same for all the listeners.

    Attributes:
        backlog: The length of the kernel's queue of each.
        unix_mode: The mode of a unix socket's file.
        unix_owner: Its owner, as `user`, `user:group` or `:group`; `None` leaves it as it is.
    """

    backlog: int
    unix_mode: int
    unix_owner: str | None


@dataclass(frozen=True)
class Listener:
    """A listening socket, the address that was asked for, and its file if it has one."""

    socket: socket.socket
    bind: Bind
    file: SocketFile | None = None


class Listeners:
    """The open listeners; leaving its `with` block closes them and removes their files.

    Args:
        rephrase: Says a hint in words of who is hinted at, where that is not `uncork serve`.
    """

    def __init__(self, rephrase: Callable[[str], str] = str) -> None:
        self._rephrase = rephrase
        self._open: list[Listener] = []
        self._process = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Listener]:
        return iter(self._open)

    @property
    def is_open(self) -> bool:
        """Whether there is a listener."""
        return bool(self._open)

    @property
    def descriptors(self) -> list[int]:
        """The descriptor of each listener; they stay this object's to close."""
        return [listener.socket.fileno() for listener in self._open]

    def open(self, binds: Sequence[Bind], options: ListenerOptions) -> None:
        """Listens on every address of `binds`, or on none of them.

        Raises:
            UsageError: An address is given twice, or `unix_owner` names nobody.
            EnvironmentProblem: The machine refuses one of them.
        """
        _refuse_repetition(binds)
        try:
            for bind in binds:
                self.add(bind, options)
        except BaseException:
            self.close()
            raise

    def add(self, bind: Bind, options: ListenerOptions) -> None:
        """Listens there too; those that are open stay so, whatever comes of it.

        Raises:
            UsageError, EnvironmentProblem: As `open`.
        """
        try:
            self._open += _open_one(bind, options)
        except UncorkError as error:
            error.hints = tuple(map(self._rephrase, error.hints))
            raise

    def hand_over(self) -> list[HandedListener]:
        """What `take_over` makes the same listeners of, in the next program of this process."""
        return [
            HandedListener(
                each.socket.fileno(),
                each.bind.text,
                (str(each.file.path), each.file.device, each.file.inode) if each.file else None,
            )
            for each in self._open
        ]

    def take_over(self, handed: Sequence[HandedListener]) -> None:
        """Goes on with listeners that were open before this program."""
        for each in handed:
            taken = socket.socket(fileno=each.descriptor)
            taken.set_inheritable(False)
            taken.setblocking(False)
            path, device, inode = each.file or ("", 0, 0)
            file = SocketFile(Path(path), device, inode) if each.file else None
            self._open.append(Listener(taken, parse_bind(each.bind), file))

    def close(self) -> None:
        """Closes the listeners, and removes the files of their own; idempotent."""
        while self._open:
            listener = self._open.pop()
            # The file goes first. While the socket still listens nobody takes it for a stale
            # one, so between the check that it is ours and its removal it cannot be replaced.
            # A forked child closes its copies only: the files belong to its parent.
            if listener.file is not None and os.getpid() == self._process:
                listener.file.remove()
            with suppress(OSError):
                listener.socket.close()


def _open_one(bind: Bind, options: ListenerOptions) -> list[Listener]:
    if bind.kind == "unix":
        unix_socket, file = open_unix(
            bind, options.backlog, mode=options.unix_mode, owner=options.unix_owner
        )
        return [Listener(unix_socket, bind, file)]
    if bind.kind == "fd":
        return [Listener(adopt(bind), bind)]
    return [Listener(tcp_socket, bind) for tcp_socket in open_tcp(bind, options.backlog)]


def _refuse_repetition(binds: Sequence[Bind]) -> None:
    seen: set[str] = set()
    for bind in binds:
        if bind.text in seen and not (bind.kind == "tcp" and bind.port == 0):
            raise UsageError(
                f"`{bind.text}` is given twice as an address to listen on",
                hints=("name each address once",),
            )
        seen.add(bind.text)
