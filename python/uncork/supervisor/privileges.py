"""Root's rights given up: who a worker is when it loads the app.

The supervisor keeps its rights, as nginx's does: it reads the key anew at a reload, and executes
itself anew. Each process that gets to run the app's code gives them up right after its fork, with
`give_up_root`, and does not go on before it has tried to take them back and failed.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from uncork import console
from uncork.errors import EnvironmentProblem, InternalError, UsageError
from uncork.settings import Settings

# capabilities(7); `<linux/capability.h>` has the numbers.
_NEEDED = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}
_HIGHEST_ID = 2**32 - 2  # -1 means "leave it as it is" to the kernel


@dataclass(frozen=True)
class RunAs:
    """Who is to run the app.

    Attributes:
        groups: All of them, `group_id` included.
        name: `None` for a number without a name, as containers have them.
    """

    user_id: int
    group_id: int
    groups: tuple[int, ...]
    name: str | None
    home: str

    @property
    def owner(self) -> str:
        """As the owner of a file, by number."""
        return f"{self.user_id}:{self.group_id}"

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Has this user's rights and no others while the block runs: for what the app has named."""
        groups, group_id = os.getgroups(), os.getegid()
        os.setgroups(self.groups)
        os.setegid(self.group_id)
        os.seteuid(self.user_id)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group_id)
            os.setgroups(groups)


def run_as(settings: Settings) -> RunAs | None:
    """Who is to run the app; `None`: whoever runs uncork.

    Raises:
        UsageError: There is no such user or group.
        EnvironmentProblem: Only root can become somebody else.
    """
    if settings.user is None and settings.group is None:
        return None
    user = None if settings.user is None else _user(settings.user)
    group_id = None if settings.group is None else _group(settings.group)
    if os.geteuid() != 0:
        _refuse_change(settings, user, group_id)
        return None
    if user is None:
        raise UsageError(
            f"there is a group `{settings.group}` to run as, and no user",
            cause="in whatever group, root can do everything",
            hints=("name the user too: `--user USER`",),
        )
    if user.pw_uid == 0:
        return None
    if group_id is None and user.pw_gid < 0:
        raise UsageError(
            f"there is no user with the number {user.pw_uid} on this machine, so its group is "
            "not known",
            hints=("name the group too: `--group GROUP`",),
        )
    _check_rights()
    group_id = user.pw_gid if group_id is None else group_id
    name = user.pw_name or None
    groups = {group_id, *(os.getgrouplist(name, group_id) if name else ())}
    return RunAs(user.pw_uid, group_id, tuple(sorted(groups)), name, user.pw_dir)


def give_up_root(settings: Settings) -> None:
    """Makes this process, which is to run the app's code, that of the user in the settings.

    For a process of one thread. The environment says so too.

    Raises:
        UncorkError: It could not be done, or could be undone.
    """
    who = run_as(settings)
    if who is None:
        return
    _become(who)
    _check_for_good(who)
    for variable in ("USER", "LOGNAME"):
        os.environ.pop(variable, None)
        if who.name is not None:
            os.environ[variable] = who.name
    os.environ["HOME"] = who.home
    _check_reach(who)


def rights_of(settings: Settings, *, is_apps: bool) -> AbstractContextManager[None]:
    """The rights to open something with: the app's own, if only the app has named it.

    Else a script could have root open a port or read a key that is none of its business.
    """
    who = run_as(settings) if is_apps else None
    return nullcontext() if who is None else who.borrowed()


def warn_of_root(settings: Settings) -> None:
    """Says that the app is served as root, unless that was asked for."""
    if os.geteuid() == 0 and settings.user is None:
        console.warn(
            "the app is served as root: a hole in it is a hole in the whole machine or container",
            "name another user with `--user USER`, or start uncork as one: with `User=` in a "
            "systemd unit, with `USER` in a Dockerfile",
            "`--user root` says that it is meant",
        )


@dataclass(frozen=True)
class _User:
    """The part of a `passwd` entry that matters; `pw_gid` is -1 and the name empty without one."""

    pw_uid: int
    pw_gid: int
    pw_name: str
    pw_dir: str


def _user(text: str) -> _User:
    try:
        entry = pwd.getpwuid(_number(text)) if text.isdecimal() else pwd.getpwnam(text)
    except KeyError:
        if text.isdecimal():
            return _User(_number(text), -1, "", "/")
        raise _nobody("user", text) from None
    return _User(entry.pw_uid, entry.pw_gid, entry.pw_name, entry.pw_dir)


def _group(text: str) -> int:
    if text.isdecimal():
        return _number(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise _nobody("group", text) from None


def _number(text: str) -> int:
    if int(text) <= _HIGHEST_ID:
        return int(text)
    raise UsageError(
        f"no user and no group has the number {text}", hints=(f"the highest is {_HIGHEST_ID}",)
    )


def _nobody(kind: str, name: str) -> UsageError:
    return UsageError(
        f"there is no {kind} `{name}` on this machine",
        cause=f"the setting `{kind}` says that the app is to run as that {kind}",
        hints=(f"make it, or name one that `getent {_DATABASES[kind]}` lists",),
    )


_DATABASES = {"user": "passwd", "group": "group"}


def _refuse_change(settings: Settings, user: _User | None, group_id: int | None) -> None:
    """Without root's rights, one can only stay who one is."""
    is_same_user = user is None or user.pw_uid == os.geteuid()
    is_same_group = group_id is None or group_id == os.getegid()
    if is_same_user and is_same_group:
        return
    flags = [f"`{name} {value}`" for name, value in _flags(settings) if value is not None]
    raise EnvironmentProblem(
        "could not become another user: only root can",
        cause=f"uncork was started by the user with the number {os.geteuid()}, and is to run the "
        f"app as {' '.join(flags)} says",
        hints=("start it as root, or leave that out and start it as that very user",),
    )


def _flags(settings: Settings) -> tuple[tuple[str, str | None], ...]:
    return (("--user", settings.user), ("--group", settings.group))


def _check_rights() -> None:
    """In a container, root may lack the very rights that this takes."""
    has = _capabilities().get("CapEff")
    missing = [name for name, bit in _NEEDED.items() if has is not None and not has >> bit & 1]
    if missing:
        raise EnvironmentProblem(
            "could not become another user: this root may not",
            cause=f"it lacks {' and '.join(f'`{name}`' for name in missing)} (capabilities(7))",
            hints=(
                "let the container have them: `--cap-add KILL --cap-add SETGID --cap-add SETUID`",
                "or start the container as that user, with `USER` in its Dockerfile, and without "
                "`--user` here",
            ),
        )


def _become(who: RunAs) -> None:
    """Supplementary groups, group, user: in the only order that works."""
    try:
        os.setgroups(who.groups)
        if hasattr(os, "setresuid"):
            os.setresgid(who.group_id, who.group_id, who.group_id)
            os.setresuid(who.user_id, who.user_id, who.user_id)
        else:  # macOS: as root, these set all three
            os.setgid(who.group_id)
            os.setuid(who.user_id)
    except OSError as error:
        raise EnvironmentProblem(
            f"could not become the user with the number {who.user_id}",
            cause=(error.strerror or str(error)).lower(),
            hints=("in a container, its user namespace may not have that number",),
        ) from None


def _check_for_good(who: RunAs) -> None:
    """What is gone must not come back: each way back is tried."""
    ways: list[tuple[str, Callable[[], object]]] = [
        ("setuid(0)", lambda: os.setuid(0)),
        ("seteuid(0)", lambda: os.seteuid(0)),
        ("setgroups(0)", lambda: os.setgroups([0])),
    ]
    if 0 not in who.groups:
        ways.append(("setgid(0)", lambda: os.setgid(0)))
    for name, way in ways:
        try:
            way()
        except PermissionError:
            continue
        raise _still_root(f"`{name}` was allowed")
    if (os.getuid(), os.geteuid()) != (who.user_id, who.user_id):
        raise _still_root(f"the user's number is {os.geteuid()}")
    if (os.getgid(), os.getegid()) != (who.group_id, who.group_id):
        raise _still_root(f"the group's number is {os.getegid()}")
    if set(os.getgroups()) - set(who.groups):
        raise _still_root(f"the groups are {os.getgroups()}")
    kept = [name for name, bits in _capabilities().items() if bits and name in _MUST_BE_EMPTY]
    if kept:
        raise _still_root(f"`{kept[0]}` in `/proc/self/status` is not empty")


_MUST_BE_EMPTY = ("CapEff", "CapPrm", "CapAmb")


def _capabilities() -> dict[str, int]:
    """The sets of this process, as bits; empty where there is no `/proc` of Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    return {line[:6]: int(line[7:], 16) for line in lines if line.startswith("Cap")}


def _still_root(cause: str) -> InternalError:
    return InternalError(
        "the worker could not give root's rights up for good, and serves nothing",
        cause=cause,
        hints=("start uncork as the user itself, without `--user`",),
    )


def _check_reach(who: RunAs) -> None:
    """What a home of root's hides would come out as a riddle, such as a module that is missing."""
    user = f"`{who.name}`" if who.name else f"with the number {who.user_id}"
    for what, path, mode in (
        ("the working directory", Path.cwd(), os.R_OK | os.X_OK),
        ("Python's own modules", Path(os.__file__), os.R_OK),
        ("uncork", Path(__file__), os.R_OK),
    ):
        if not os.access(path, mode):
            raise EnvironmentProblem(
                f"the user {user} can't read {what}: `{path}`",
                cause="a folder on the way there is closed to others",
                hints=("install it where everybody may read, such as `/opt` or `/srv`",),
            )
