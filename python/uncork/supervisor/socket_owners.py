"""Which process listens on an address, as far as this user may know.

Linux says it in two steps (proc(5)): `/proc/net/*` has the inode of each socket, and the
process whose `/proc/PID/fd` has that inode open is the owner. Elsewhere nobody is found.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

_LISTEN = "0A"  # `TCP_LISTEN` of linux/tcp_states.h
_ACCEPTS = 0x10000  # `__SO_ACCEPTCON` of linux/net.h
_COMMAND_CHARACTERS = 60


@dataclass(frozen=True)
class Found:
    """What was found out about a listener.

    Attributes:
        process: The owner; `None` when it was not found. Of several that share the socket,
            the one with the lowest number, which is nearly always their parent.
        command: What it runs, without folders and cut to a readable length.
        address: The TCP address that it listens on; `None` when unknown.
        could_look: Whether every process could be looked into.
        is_tcp: Whether it is about TCP.
    """

    process: int | None = None
    command: str = ""
    address: str | None = None
    could_look: bool = True
    is_tcp: bool = True


def tcp_owner(host: str, port: int, *, proc: Path = Path("/proc")) -> Found:
    """Who listens on `host` (a numeric address) and `port`, or on an address that covers it."""
    wanted = ipaddress.ip_address(host.partition("%")[0])
    for table in ("tcp", "tcp6"):
        for address, inode in _tcp_listeners(proc / "net" / table, port):
            if _overlap(address, wanted):
                text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
                return _holder(inode, text, proc)
    return Found(could_look=os.geteuid() == 0)


def unix_owner(path: str, *, proc: Path = Path("/proc")) -> Found:
    """Who listens on the unix socket at `path`."""
    names = {path, str(Path(path).absolute())}
    for line in _lines(proc / "net" / "unix"):
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7] in names and int(fields[3], 16) & _ACCEPTS:
            return replace(_holder(fields[6], None, proc), is_tcp=False)
    return Found(could_look=os.geteuid() == 0, is_tcp=False)


_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def _tcp_listeners(table: Path, port: int) -> Iterator[tuple[_IP, str]]:
    for line in _lines(table):
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, _, local_port = fields[1].partition(":")
        if int(local_port, 16) == port:
            yield _address(address), fields[9]


def _address(text: str) -> _IP:
    """The address of the kernel's notation: words of 32 bits in the machine's byte order."""
    words = bytes.fromhex(text)
    little = [words[start : start + 4][::-1] for start in range(0, len(words), 4)]
    return ipaddress.ip_address(b"".join(little))


def _overlap(listening: _IP, wanted: _IP) -> bool:
    if listening.version != wanted.version:
        # `[::]` without IPV6_V6ONLY takes IPv4 too; only that can have refused us.
        return listening.version == 6 and listening.is_unspecified
    return listening == wanted or listening.is_unspecified or wanted.is_unspecified


def _holder(inode: str, address: str | None, proc: Path) -> Found:
    target = f"socket:[{inode}]"
    could_look = True
    for process in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()):
        try:
            if _has_open(proc / str(process) / "fd", target):
                return Found(process, _command(proc / str(process)), address)
        except PermissionError:
            could_look = False
        except OSError:
            continue  # it has ended since
    return Found(address=address, could_look=could_look)


def _has_open(folder: Path, target: str) -> bool:
    for entry in folder.iterdir():
        try:
            if str(entry.readlink()) == target:
                return True
        except FileNotFoundError:
            continue
    return False


def _command(process: Path) -> str:
    words = (process / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    command = " ".join(_without_folders(words)).strip() or (process / "comm").read_text().strip()
    printable = "".join(letter if letter.isprintable() else "?" for letter in command)
    if len(printable) > _COMMAND_CHARACTERS:
        # What is run stands first, and what it is told, such as an address, often last.
        half = _COMMAND_CHARACTERS // 2
        printable = f"{printable[:half]}…{printable[half + 1 - _COMMAND_CHARACTERS :]}"
    return printable.replace("`", "'")


def _without_folders(words: list[str]) -> list[str]:
    """The words without the folders of the program, and of the script that Python runs."""
    first, *rest = words
    # With a space in it, it is a title that the program has given itself.
    program = first if " " in first else Path(first).name
    if not program.startswith(("python", "pypy")):
        return [program, *rest]
    flags = list(takewhile(lambda word: word.startswith("-"), rest))
    if {"-c", "-m"} & set(flags) or len(flags) == len(rest):
        return [program, *rest]
    script, *arguments = rest[len(flags) :]
    return [program, *flags, Path(script).name, *arguments]


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text(errors="replace").splitlines()[1:]
    except OSError:
        return []
