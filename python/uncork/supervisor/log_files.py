"""The files that logs go to: the supervisor opens them, and hands workers descriptors.

It may be the only one that is allowed to, and so all of them write to the same file after it was
moved away and opened again. Nothing here writes a line.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from uncork import console
from uncork.errors import EnvironmentProblem
from uncork.supervisor.channel import Kind, Message

STANDARD_STREAM = "-"
_STDOUT, _STDERR = 1, 2
# As Docker's users write them. Opening them anew would fail where they are sockets.
_STREAMS: Mapping[str, int] = {"/dev/stdout": _STDOUT, "/dev/stderr": _STDERR}
# Less what the umask takes away; the log names clients.
_MODE = 0o640


class LogFiles:
    """The open logs; the error log takes the place of stderr."""

    def __init__(self) -> None:
        self._access: dict[str, int] = {}
        self._error: str | None = None

    def open_error_log(self, path: str | None) -> None:
        """Sends to `path` what goes to stderr from here on; `None` leaves it where it is.

        Raises:
            EnvironmentProblem: It can't be opened.
        """
        if path is None or path in (STANDARD_STREAM, "/dev/stderr"):
            return
        self._error = path
        _replace(_STDERR, open_log(path, "error log"))

    def open_access_log(self, path: str | None) -> None:
        """Opens `path`, unless it is open already.

        Raises:
            EnvironmentProblem: It can't be opened.
        """
        if path is not None and path not in self._access:
            self._access[path] = open_log(path)

    def reopen(self) -> None:
        """Opens all files anew; one that can't be opened is written to as before."""
        opened = []
        files = [("access log", *item) for item in self._access.items() if _is_file(item[0])]
        if self._error is not None:
            files.append(("error log", self._error, _STDERR))
        for what, path, descriptor in files:
            try:
                _replace(descriptor, open_log(path, what))
            except EnvironmentProblem as error:
                console.fail(error)
            else:
                opened.append(f"`{path}`")
        if opened:
            console.say(f"logs reopened: {', '.join(opened)}")
        elif not files:
            console.note("no log goes to a file, so there is none to reopen")

    def message(self, path: str | None) -> Message:
        """Tells a worker where to log, with `path` for its access log."""
        names, descriptors = [], []
        if path in self._access:
            names.append("access")
            descriptors.append(self._access[path])
        if self._error is not None:
            names.append("error")
            descriptors.append(_STDERR)
        return Message(Kind.LOGS, {"logs": names}, descriptors)

    def close(self) -> None:
        """Closes the access logs; stderr stays."""
        while self._access:
            os.close(self._access.popitem()[1])


def _is_file(path: str) -> bool:
    return path != STANDARD_STREAM and path not in _STREAMS


def open_log(path: str, what: str = "access log") -> int:
    """A descriptor that what is written to is appended to the file, or to the stream.

    Raises:
        EnvironmentProblem: It can't be opened.
    """
    try:
        if path == STANDARD_STREAM:
            return os.dup(_STDOUT)
        if path in _STREAMS:
            return os.dup(_STREAMS[path])
        # Opening a named pipe for writing alone would wait for a reader.
        is_pipe = os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH110, PTH116
        direction = os.O_RDWR if is_pipe else os.O_WRONLY
        flags = direction | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY
        return os.open(path, flags, _MODE)
    except OSError as error:
        raise EnvironmentProblem(
            f"could not open the {what} `{path}`",
            cause=(error.strerror or str(error)).lower(),
            hints=("check the folder, and that the user that runs uncork may write there",),
        ) from None


def _replace(descriptor: int, by: int) -> None:
    os.dup2(by, descriptor, inheritable=descriptor == _STDERR)
    os.close(by)
