"""Which control sockets there are on this machine, and which one is meant.

Linux lists the names of all unix sockets of a network namespace, with and without files, in
`/proc/net/unix` (proc(5)). Elsewhere the usual folders are looked into. That a name is listed
does not mean that its server may be asked, nor that it is one: only an answer says that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from uncork.errors import EnvironmentProblem, UncorkError, UsageError
from uncork.settings import runtime_folders
from uncork.supervisor.control.client import (
    ControlClient,
    NoAnswerError,
    NotPermittedError,
    connect,
)
from uncork.supervisor.control.places import Place
from uncork.supervisor.status import ServerStatus

_ACCEPTS = 0x10000  # `__SO_ACCEPTCON` of linux/net.h
_LOOK_SECONDS = 2.0
_LISTED = 20


@dataclass(frozen=True)
class FoundServer:
    """A server that answered."""

    place: Place
    status: ServerStatus


@dataclass(frozen=True)
class Discovery:
    """What was found.

    Attributes:
        servers: Those that answered.
        refused: How many are there that belong to other users.
        silent: Those who took the connection and said nothing.
    """

    servers: Sequence[FoundServer]
    refused: int
    silent: Sequence[Place]


def places_on_this_machine(*, proc: Path = Path("/proc")) -> list[Place]:
    """Where there seem to be control sockets with names that uncork chose."""
    found = dict.fromkeys([*_listed_by_the_kernel(proc), *_in_usual_folders()])
    return [place for place in found if place.is_default]


def discover() -> Discovery:
    """Asks every server that there seems to be who it is."""
    servers, silent, refused = [], [], 0
    for place in places_on_this_machine():
        try:
            with connect(place, timeout_seconds=_LOOK_SECONDS) as client:
                servers.append(FoundServer(place, client.status()))
        except NotPermittedError:
            refused += 1
        except NoAnswerError:
            silent.append(place)
        except (UncorkError, OSError):
            continue  # it has ended meanwhile, or lies in another container, or is none
    return Discovery(sorted(servers, key=lambda each: each.status.pid), refused, silent)


def the_server(name: str | None, control: str | None) -> ControlClient:
    """A connection to the server that is meant.

    Args:
        name: The number of its process, or what it serves; `None`: the only one there is, or the
            only one that was started in this folder.
        control: Where its control socket is, which leaves no doubt; `None`: to be found.

    Raises:
        UsageError: There are several.
        EnvironmentProblem: There is none, or it may not be asked.
    """
    if control is not None:
        return connect(Place(control) if control[:1] == "@" else Place.of_file(Path(control)))
    found = discover()
    matching = [each for each in found.servers if name is None or _is_named(each.status, name)]
    if not matching:
        raise _none(name, found)
    here = [each for each in matching if each.status.folder == _this_folder()]
    for meant in (matching, here):
        if len(meant) == 1:
            return connect(meant[0].place)
    raise UsageError(
        "which server?",
        cause=f"there are {len(matching)}:\n{_list(matching)}",
        hints=("name the one that is meant by the number of its process, or ask in its folder",),
    )


def _this_folder() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None


def _is_named(status: ServerStatus, name: str) -> bool:
    if name.isdecimal():
        return status.pid == int(name)
    return name in (status.app, status.app.partition(":")[0])


def _none(name: str | None, found: Discovery) -> UncorkError:
    hints = ["a server that was given a `--control PATH` is found when the same is written here"]
    if found.refused:
        hints.insert(0, "use `sudo`, or become the server's user")
        plural = "" if found.refused == 1 else "s"
        cause = f"there {'is' if found.refused == 1 else 'are'} {found.refused} server{plural} "
        cause += "of another user, which only root and that user may ask"
    elif found.silent:
        cause = f"whoever listens at `{found.silent[0].text}` does not answer"
    elif found.servers:
        cause = f"there {'is' if len(found.servers) == 1 else 'are'}:\n{_list(found.servers)}"
    else:
        cause = None
    what = "no running server was found" if name is None else f"no server `{name}` was found"
    return EnvironmentProblem(what, cause=cause, hints=tuple(hints))


def _list(servers: Sequence[FoundServer]) -> str:
    lines = [
        f"  {each.status.pid}  `{each.status.app}` in {each.status.folder}"
        for each in servers[:_LISTED]
    ]
    more = len(servers) - _LISTED
    return "\n".join([*lines, f"  and {more} more"] if more > 0 else lines)


def _listed_by_the_kernel(proc: Path) -> Iterator[Place]:
    try:
        lines = (proc / "net" / "unix").read_bytes().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = os.fsdecode(line).split(maxsplit=7)
        if len(fields) == 8 and int(fields[3], 16) & _ACCEPTS:
            yield Place(fields[7])


def _in_usual_folders() -> Iterator[Place]:
    for folder in runtime_folders():
        try:
            names = sorted(os.listdir(folder.path))  # noqa: PTH208 (names are all that is wanted)
        except OSError:
            continue
        for name in names:
            yield Place.of_file(folder.path / name)
