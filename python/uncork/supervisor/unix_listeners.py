"""Unix listeners, and the file that each of them has.

A socket's file outlives a process that was killed, so one that is found may be stale. It is
removed only if nobody listens there, which `connect` tells. From that look to the `listen`, the
folder is locked (`flock` on the folder itself leaves nothing behind), so that of two
processes that start at once, one wins and the other is told so.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from uncork.errors import EnvironmentProblem, UsageError
from uncork.settings.bind import Bind
from uncork.supervisor.refusals import unix_in_use, unix_refusal

# Another uncork holds the lock for less than a millisecond. Whoever holds it for longer is
# something else, and must not be able to keep a server from starting. Counted in looks, so that
# it is longer where nobody gets to run: two seconds at least.
_LOCK_LOOKS = 200
_LOCK_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class SocketFile:
    """The file of a unix socket, known by its inode: a name may come to mean another file."""

    path: Path
    device: int
    inode: int

    def remove(self) -> None:
        """Removes the file, unless something else has taken its name."""
        with suppress(OSError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                self.path.unlink()


def open_unix(
    bind: Bind, backlog: int, *, mode: int, owner: str | None
) -> tuple[socket.socket, SocketFile]:
    """A socket that listens at `bind.path`, and its file; a stale file there is replaced.

    Raises:
        UsageError: `owner` names nobody.
        EnvironmentProblem: Somebody listens there, something else stands there, or the system
            refuses.
    """
    user_id, group_id = _ids(owner)
    path = Path(bind.path).absolute()  # the app may change the working directory
    with _locked(path.parent):
        _clear(bind, path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(bind.path)
        except OSError as error:
            listener.close()
            raise unix_refusal(bind, error) from None
        file = _file_at(path)
        try:
            # Nobody can connect before `listen`, so the file's first mode does not matter.
            path.chmod(mode)
            if owner is not None:
                _change_owner(bind, path, owner, user_id, group_id)
            listener.listen(backlog)  # until then, it looks stale
            listener.setblocking(False)
        except BaseException as error:
            file.remove()
            listener.close()
            if isinstance(error, OSError):
                raise unix_refusal(bind, error) from None
            raise
    return listener, file


def _file_at(path: Path) -> SocketFile:
    status = path.lstat()
    return SocketFile(path, status.st_dev, status.st_ino)


def _clear(bind: Bind, path: Path) -> None:
    """Removes a stale socket's file; returns when the name is free."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise unix_refusal(bind, error) from None
    if not stat.S_ISSOCK(found.st_mode):
        raise EnvironmentProblem(
            f"could not listen on `{bind.text}`",
            cause="something that is not a socket stands there, and uncork does not remove it",
            hints=("choose another path, or remove it yourself",),
        )
    refusal = _connect_error(bind.path)
    if refusal == errno.ENOENT:
        return
    if refusal != errno.ECONNREFUSED:
        raise unix_in_use(bind, refusal)
    try:
        SocketFile(path, found.st_dev, found.st_ino).remove()
        path.lstat()
    except FileNotFoundError:
        return
    raise unix_refusal(bind, PermissionError(errno.EACCES, "the stale socket stays"))


def _connect_error(path: str) -> int:
    """What connecting says: 0 and `EAGAIN` mean that somebody listens, `ECONNREFUSED` nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog would block
        return probe.connect_ex(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        # Not readable, or not there: what is wrong with it, the bind will say.
        yield
        return
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    for _ in range(_LOCK_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(_LOCK_POLL_SECONDS)
        except OSError:
            return  # a file system without locks


def _ids(owner: str | None) -> tuple[int, int]:
    """The user id and the group id of `user:group`; -1 for a half that is not given."""
    user, _, group = (owner or "").partition(":")
    try:
        user_id = _id(user, lambda name: pwd.getpwnam(name).pw_uid)
    except KeyError:
        raise _nobody("user", user) from None
    try:
        return user_id, _id(group, lambda name: grp.getgrnam(name).gr_gid)
    except KeyError:
        raise _nobody("group", group) from None


def _id(text: str, look_up: Callable[[str], int]) -> int:
    if not text:
        return -1
    return int(text) if text.isdecimal() else look_up(text)


def _nobody(kind: str, name: str) -> UsageError:
    return UsageError(
        f"there is no {kind} `{name}` on this machine",
        cause="`unix_owner` names it as the owner of the socket's file",
        hints=("write `user`, `user:group` or `:group`, with names that `id` knows",),
    )


def _change_owner(bind: Bind, path: Path, owner: str, user_id: int, group_id: int) -> None:
    try:
        os.chown(path, user_id, group_id, follow_symlinks=False)
    except PermissionError:
        raise EnvironmentProblem(
            f"could not give the socket `{bind.path}` to `{owner}`: no permission",
            cause="only root gives files away; others may choose a group that they are in",
            hints=(f"start uncork as root, or as a member of the group: `id` lists {_groups()}",),
        ) from None


def _groups() -> str:
    names = []
    for group_id in sorted({os.getegid(), *os.getgroups()}):
        with suppress(KeyError):
            names.append(f"`{grp.getgrgid(group_id).gr_name}`")
    return ", ".join(names) or "none"
