"""A command's end of a control socket: asks, and waits for the answer."""

from __future__ import annotations

import errno
import os
import pwd
import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from uncork.errors import EnvironmentProblem, UncorkError
from uncork.supervisor.control.lines import NOT_PERMITTED, read_answer, request_line
from uncork.supervisor.control.peers import Peer, peer_of
from uncork.supervisor.control.places import Place
from uncork.supervisor.status import ServerStatus

_RECEIVE_BYTES = 256 * 1024
# The supervisor answers at once whatever does not take longer by its nature.
_ANSWER_SECONDS = 15.0
_POLL_SECONDS = 0.05
# Between its last word and its end, a server has nothing left to do.
_END_SECONDS = 10.0


class NotPermittedError(EnvironmentProblem):
    """The server is another user's."""


class NoAnswerError(EnvironmentProblem):
    """Whoever listens does not say anything."""


def connect(place: Place, *, timeout_seconds: float = _ANSWER_SECONDS) -> ControlClient:
    """A connection to the server there.

    Raises:
        EnvironmentProblem: Nobody is there, or it may not be asked, or does not answer.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_seconds)
    try:
        connection.connect(place.address)
        peer = peer_of(connection)
    except OSError as error:
        connection.close()
        raise _no_connection(place, error) from None
    if os.geteuid() != 0 and not peer.is_trusted:
        connection.close()
        raise _not_permitted(place, peer.user)
    return ControlClient(connection, place, peer, timeout_seconds)


class ControlClient:
    """One connection to a server, for a `with` block; made by `connect`.

    Attributes:
        place: Where the server's control socket is.
        process: The server's process, as seen from here; `None`: it can't be seen from here.
    """

    def __init__(
        self, connection: socket.socket, place: Place, peer: Peer, timeout_seconds: float
    ) -> None:
        self.place = place
        self.process = peer.process
        self._user = peer.user
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def ask(
        self, command: str, /, *, timeout_seconds: float | None = -1.0, **arguments: Any
    ) -> Mapping[str, Any]:
        """What the server answers.

        Args:
            command: As `Commands` knows it.
            timeout_seconds: For the answer; `None` waits for ever.
            arguments: Of the command.

        Raises:
            UncorkError: The error that the server answers with.
            EnvironmentProblem: It ended meanwhile, or does not answer, or not in a way that
                can be read.
        """
        if timeout_seconds is not None and timeout_seconds < 0:
            timeout_seconds = self._timeout_seconds
        self._connection.settimeout(timeout_seconds)
        try:
            self._connection.sendall(request_line(command, arguments))
        except TimeoutError:
            raise _no_answer(self.place) from None
        except OSError:
            pass  # it has gone, and may have said why before
        line = self._line()
        if line is None:
            raise _gone(self.place)
        try:
            return read_answer(line)
        except EnvironmentProblem as error:
            if error.what == NOT_PERMITTED:
                raise _not_permitted(self.place, self._user) from None
            raise

    def status(self) -> ServerStatus:
        """The server as it is by now.

        Raises:
            UncorkError: As `ask` does.
        """
        facts = self.ask("status")
        try:
            return ServerStatus.from_facts(facts)
        except (LookupError, TypeError, AttributeError):
            raise EnvironmentProblem(
                "the server's answer could not be read",
                cause="whoever listens on that socket is not uncork, or one not known here",
            ) from None

    def wait_for_end(self) -> None:
        """Returns when the server's process has ended.

        Raises:
            EnvironmentProblem: It has closed the connection, and lives on.
        """
        ended = _End(self.process)
        self._connection.settimeout(None)
        with suppress(OSError):
            while self._connection.recv(_RECEIVE_BYTES):
                pass
        if not ended.comes_within(_END_SECONDS):
            raise EnvironmentProblem(
                f"process {self.process} has not ended yet",
                cause="it has closed its control socket, and something keeps it from ending",
            )

    def _line(self) -> bytes | None:
        """The next line; `None` when the server has closed the connection."""
        pieces = [self._received]
        while b"\n" not in pieces[-1]:
            try:
                piece = self._connection.recv(_RECEIVE_BYTES)
            except TimeoutError:
                raise _no_answer(self.place) from None
            except OSError:
                return None
            if not piece:
                return None
            pieces.append(piece)
        line, _, self._received = b"".join(pieces).partition(b"\n")
        return line


class _End:
    """The end of a process that is nobody's child here."""

    def __init__(self, process: int | None) -> None:
        self._process = process
        self._descriptor: int | None = None
        if process is not None and hasattr(os, "pidfd_open"):
            with suppress(OSError):
                self._descriptor = os.pidfd_open(process)

    def comes_within(self, seconds: float) -> bool:
        """Whether it has come in time, or can't be seen from here."""
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            has_come = bool(poll.poll(seconds * 1000))
            os.close(self._descriptor)
            self._descriptor = None
            return has_come
        deadline = time.monotonic() + seconds
        while self._is_there():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def _is_there(self) -> bool:
        if self._process is None:
            return False
        try:
            os.kill(self._process, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
        return True


def _no_connection(place: Place, error: OSError) -> UncorkError:
    if isinstance(error, TimeoutError):
        return _no_answer(place)
    if error.errno in (errno.EACCES, errno.EPERM):
        return _not_permitted(place, _owner(place))
    reasons = {
        errno.ENOENT: "there is no such socket",
        errno.ECONNREFUSED: "nobody listens there: the server has ended",
        errno.EAGAIN: "too many others wait there",
        errno.ENOTSOCK: "that is not a socket",
    }
    return EnvironmentProblem(
        f"no server could be reached at `{place.text}`",
        cause=reasons.get(error.errno or 0, (error.strerror or str(error)).lower()),
    )


def _not_permitted(place: Place, user: int | None) -> UncorkError:
    whose = "another user" if user is None else f"user `{_name(user)}`"
    return NotPermittedError(
        f"the server at `{place.text}` may not be asked: no permission",
        cause=f"it runs as {whose}, and only that user and root may ask",
        hints=("use `sudo`, or become that user",),
    )


def _no_answer(place: Place) -> UncorkError:
    return NoAnswerError(
        "the server does not answer",
        cause=f"it listens at `{place.text}`, and something keeps it from its work",
        hints=(
            "`kill -QUIT` ends a supervisor that hears, `kill -CONT` wakes one that was stopped",
        ),
    )


def _owner(place: Place) -> int | None:
    try:
        return Path(place.text).stat().st_uid
    except OSError:
        return None


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _gone(place: Place) -> UncorkError:
    return EnvironmentProblem(
        "the server has gone", cause=f"it closed `{place.text}` before it answered"
    )
