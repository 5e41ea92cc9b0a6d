"""The control socket itself: a duty of the supervisor, which no client can hold up."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from uncork.errors import EnvironmentProblem, InternalError, UncorkError, UsageError
from uncork.supervisor.control.connections import Connection
from uncork.supervisor.control.lines import (
    MAX_REQUEST_BYTES,
    NOT_PERMITTED,
    Request,
    error_line,
    read_request,
    result_line,
)
from uncork.supervisor.control.peers import peer_of
from uncork.supervisor.control.places import Place
from uncork.supervisor.control.waits import Result, Wait
from uncork.supervisor.duty import Duty
from uncork.supervisor.unix_listeners import SocketFile

_MAX_CONNECTIONS = 128
# Without a descriptor to accept with, for this long.
_PAUSE_SECONDS = 1.0

Answering = Callable[[Request, float], Result | Wait]
"""What fulfils a request; raises `UncorkError` when it can't be."""


class ControlServer(Duty):
    """Answers requests on a listening unix socket.

    Args:
        listener: Listens and does not block.
        place: Where.
        file: Its file, removed at the end; `None`: it has none.
        answering: Fulfils requests; must not block.
        user: Who may ask too, besides root and whoever runs this process.
    """

    def __init__(
        self,
        listener: socket.socket,
        place: Place,
        file: SocketFile | None,
        answering: Answering,
        user: int | None = None,
    ) -> None:
        self.place = place
        self._process = os.getpid()
        self._listener = listener
        self._file = file
        self._answering = answering
        self._user = user
        self._connections: dict[int, Connection] = {}
        self._waits: dict[int, Wait] = {}
        self._accepts_from: float | None = None
        # One descriptor for the supervisor's loop, whatever is waited for behind it.
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def descriptors(self) -> Sequence[int]:
        """The one of the selector: of an epoll or a kqueue."""
        return (self._selector.fileno(),)

    def on_readable(self, descriptor: int, now: float) -> None:
        """Accepts, reads, and sends."""
        del descriptor
        for key, events in self._selector.select(0):
            if key.fileobj is self._listener:
                self._accept(now)
                continue
            connection = self._connections.get(key.fd)
            if connection is None:
                continue
            if events & selectors.EVENT_WRITE:
                connection.send(now)
            if events & selectors.EVENT_READ and not connection.receive(now):
                connection.has_ended = True
                connection.answer(error_line(_too_long()), now)
            self._turn(connection, now)

    def next_deadline(self) -> float | None:
        """When a client has had its time, or a result is to be asked for."""
        times = [each.deadline for each in self._connections.values()]
        times += [wait.next_look() for wait in self._waits.values()]
        return min((at for at in (*times, self._accepts_from) if at is not None), default=None)

    def on_time(self, now: float) -> None:
        """Looks for results, and sends away who has had its time."""
        if self._accepts_from is not None and now >= self._accepts_from:
            self._accepts_from = None
            self._selector.register(self._listener, selectors.EVENT_READ)
        for number, connection in list(self._connections.items()):
            if number in self._waits:
                self._turn(connection, now)
            elif connection.deadline is not None and now >= connection.deadline:
                self._drop(connection)

    def close(self) -> None:
        """Closes everything; the file is removed by the process that has made it."""
        if self._file is not None and os.getpid() == self._process:
            self._file.remove()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._waits.clear()
        self._selector.close()
        self._listener.close()

    def _accept(self, now: float) -> None:
        try:
            connected, _ = self._listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                # The kernel would go on telling that somebody waits.
                self._selector.unregister(self._listener)
                self._accepts_from = now + _PAUSE_SECONDS
            return
        connection = Connection(connected, now)
        try:
            peer = peer_of(connected)
            is_trusted = peer.is_trusted or peer.user == self._user
        except OSError:
            is_trusted = False
        if not is_trusted:
            connection.answer(error_line(_not_permitted(self._user)), now)
            connection.close()
            return
        if len(self._connections) >= _MAX_CONNECTIONS:
            self._drop_one()
        self._connections[connection.fileno()] = connection
        self._turn(connection, now)

    def _drop_one(self) -> None:
        """Makes room: whoever has been silent for longest goes, or else who waits for longest."""
        silent = [each for each in self._connections.values() if each.deadline is not None]
        self._drop(
            min(silent, key=lambda each: each.deadline or 0.0)
            if silent
            else next(iter(self._connections.values()))
        )

    def _turn(self, connection: Connection, now: float) -> None:
        """Works on the requests of a client as far as it goes."""
        number = connection.fileno()
        while not connection.is_lost:
            wait = self._waits.get(number)
            line = connection.next_line() if wait is None else None
            try:
                if wait is not None:
                    result = wait.result(now)
                elif line is not None:
                    result = self._begin(number, line, now)
                else:
                    break
                if result is None:
                    break
                reply = result_line(result)
            except UncorkError as error:
                reply = error_line(error)
            except Exception as error:
                # A mistake of ours in telling about the server must not be the end of the server.
                reply = error_line(_internal(error))
            self._waits.pop(number, None)
            connection.answer(reply, now)
        self._watch(connection)

    def _begin(self, number: int, line: bytes, now: float) -> Result | None:
        """The result, if it is there at once; if not, it is waited for."""
        answer = self._answering(read_request(line), now)
        if isinstance(answer, Mapping):
            return answer
        self._waits[number] = answer
        return answer.result(now)

    def _watch(self, connection: Connection) -> None:
        """Has the selector tell what is of interest by now, or closes what is of none."""
        is_waiting = connection.fileno() in self._waits
        if connection.is_lost or not (
            is_waiting or connection.wants_to_read or connection.wants_to_write
        ):
            self._drop(connection)
            return
        events = selectors.EVENT_READ if connection.wants_to_read else 0
        events |= selectors.EVENT_WRITE if connection.wants_to_write else 0
        with suppress(KeyError):
            self._selector.unregister(connection)
        if events:
            self._selector.register(connection, events)

    def _drop(self, connection: Connection) -> None:
        with suppress(KeyError):
            self._selector.unregister(connection)
        self._waits.pop(connection.fileno(), None)
        self._connections.pop(connection.fileno(), None)
        connection.close()


def _too_long() -> UsageError:
    return UsageError(f"a request has {MAX_REQUEST_BYTES // 1024} KiB at the most")


def _not_permitted(user: int | None) -> EnvironmentProblem:
    user = os.geteuid() if user is None else user
    return EnvironmentProblem(
        NOT_PERMITTED,
        cause=f"only root and user {user}, as which the server runs, may ask",
        hints=("use `sudo`, or become the server's user",),
    )


def _internal(error: Exception) -> InternalError:
    return InternalError(
        f"the server could not answer: {type(error).__name__}: {error}",
        cause="this is a fault of uncork, not of your application",
        hints=("please report it",),
        details=traceback.format_exc(),
    )
