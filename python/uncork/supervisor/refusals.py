"""Why an address can't be listened on, and what to do, from the system's short answer."""

from __future__ import annotations

import errno
import os
import pwd
import socket
from pathlib import Path

from uncork.errors import EnvironmentProblem
from uncork.settings.bind import Bind
from uncork.supervisor.local_addresses import local_addresses
from uncork.supervisor.socket_owners import Found, tcp_owner, unix_owner

_PORT_START = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_PORTS_TRIED = 50
_ADDRESSES_LISTED = 8


def tcp_refusal(bind: Bind, address: tuple[str, int], error: OSError) -> EnvironmentProblem:
    """The error for a TCP address; `address` is the one of several that was refused."""
    what = f"could not listen on `{bind.text}`"
    host, port = address
    if error.errno == errno.EADDRINUSE:
        return _in_use(what, bind, host, port)
    if error.errno in (errno.EACCES, errno.EPERM):
        return _no_permission(what, bind, port)
    if error.errno == errno.EADDRNOTAVAIL:
        return _not_here(what, bind, host)
    if error.errno == errno.EAFNOSUPPORT:
        return EnvironmentProblem(
            f"{what}: this machine has no IPv6",
            hints=(f"choose an IPv4 address: `--bind 127.0.0.1:{bind.port}`",),
        )
    if error.errno == errno.EINVAL and host.lower().startswith("fe80"):
        return EnvironmentProblem(
            f"{what}: the address is on more than one interface",
            cause="a link-local address means something together with its interface only",
            hints=(f"name it too: `--bind [{bind.host}%{_interface()}]:{bind.port}`",),
        )
    return EnvironmentProblem(what, cause=os.strerror(error.errno or 0))


def unknown_host(bind: Bind, error: OSError | UnicodeError) -> EnvironmentProblem:
    """The error for a host name that has no address."""
    what = f"could not listen on `{bind.text}`"
    hints = (f"`127.0.0.1:{bind.port}` is this machine only, `0.0.0.0:{bind.port}` all of it",)
    if isinstance(error, OSError) and error.errno == socket.EAI_AGAIN:
        cause = f"the name service did not answer when it was asked for `{bind.host}`"
        return EnvironmentProblem(
            f"{what}: the host name is not known now", cause=cause, hints=hints
        )
    return EnvironmentProblem(
        f"{what}: the host name is unknown",
        cause=f"neither `/etc/hosts` nor the name service has `{bind.host}`",
        hints=hints,
    )


def unix_in_use(bind: Bind, connect_error: int) -> EnvironmentProblem:
    """The error for a socket's file that is, or may be, somebody's."""
    what = f"could not listen on `{bind.text}`"
    if connect_error in (errno.EACCES, errno.EPERM):
        return EnvironmentProblem(
            f"{what}: a socket stands there already",
            cause="this user may not connect to it, so it can't be told whether it is in use",
            hints=("choose another path, or remove it if nothing needs it",),
        )
    found = unix_owner(bind.path)
    hint = "stop it, or choose another path with `--bind unix:…`"
    return EnvironmentProblem(f"{what}: the socket is in use", cause=_who(found), hints=(hint,))


def unix_refusal(bind: Bind, error: OSError) -> EnvironmentProblem:
    """The error for a unix socket that could not be made."""
    what = f"could not listen on `{bind.text}`"
    folder = Path(bind.path).absolute().parent
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return EnvironmentProblem(
            f"{what}: there is no folder `{folder}`",
            hints=(f"make it: `mkdir -p {folder}`, or `RuntimeDirectory=` in a systemd unit",),
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return EnvironmentProblem(
            f"{what}: no permission",
            cause=f"user `{_user()}` may not write in `{folder}`",
            hints=("choose a path in a folder that this user owns",),
        )
    if error.errno == errno.EADDRINUSE:
        return EnvironmentProblem(f"{what}: something else was put there just now")
    return EnvironmentProblem(what, cause=error.strerror or str(error))


def _in_use(what: str, bind: Bind, host: str, port: int) -> EnvironmentProblem:
    found = tcp_owner(host, port)
    free = _free_port_after(host, port)
    choose = f"choose a port with `--bind {_text(bind.host, free)}`" if free else "choose another"
    if found.process == os.getpid():
        return EnvironmentProblem(
            f"{what}: the address is in use",
            cause=f"uncork itself listens on `{found.address}`, which is or covers it",
            hints=("name each address once",),
        )
    return EnvironmentProblem(
        f"{what}: the address is in use", cause=_who(found), hints=(f"stop it, or {choose}",)
    )


def _who(found: Found) -> str:
    if found.process is not None:
        where = "there" if found.address is None else f"on `{found.address}`"
        return f"process {found.process} (`{found.command}`) is listening {where}"
    if not found.could_look:
        return (
            f"a process that user `{_user()}` may not look into has it: "
            f"`sudo ss -lp{'t' if found.is_tcp else 'x'}` shows which"
        )
    return "a process that can't be seen from here has it, as in another container"


def _no_permission(what: str, bind: Bind, port: int) -> EnvironmentProblem:
    start = _first_free_for_all()
    if port >= start:
        return EnvironmentProblem(
            f"{what}: no permission",
            cause="a security policy of the system, such as SELinux, forbids this port",
        )
    suggestion = {80: 8080, 443: 8443}.get(port, 8000)
    return EnvironmentProblem(
        f"{what}: no permission",
        cause=f"ports below {start} need `CAP_NET_BIND_SERVICE`, and user `{_user()}` is without",
        hints=(
            f"choose a port from {start} on: `--bind {_text(bind.host, suggestion)}`",
            "give the capability: `AmbientCapabilities=CAP_NET_BIND_SERVICE` in the systemd unit, "
            "or `sudo setcap cap_net_bind_service=+ep` on a copy of the interpreter",
            "let somebody else open the port: a systemd `.socket` unit and `--bind fd://3`, or "
            f"`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}` for the whole machine",
        ),
    )


def _not_here(what: str, bind: Bind, host: str) -> EnvironmentProblem:
    is_ipv6 = ":" in host
    here = [address for address in local_addresses() if (":" in address) == is_ipv6]
    listed = ", ".join(f"`{address}`" for address in here[:_ADDRESSES_LISTED])
    more = len(here) - _ADDRESSES_LISTED
    everywhere = "::" if is_ipv6 else "0.0.0.0"
    family = "IPv6" if is_ipv6 else "IPv4"
    return EnvironmentProblem(
        f"{what}: the address is not on this machine",
        cause=f"this machine has {listed or f'no {family} address'}"
        + (f" and {more} more" if more > 0 else ""),
        hints=(f"choose one of those, or all of them: `--bind {_text(everywhere, bind.port)}`",),
    )


def _first_free_for_all() -> int:
    try:
        return int(_PORT_START.read_text())
    except (OSError, ValueError):
        return 1024


def _free_port_after(host: str, port: int) -> int | None:
    """A port above `port` that can be had now; `None` when none was found near."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port + 1, min(port + _PORTS_TRIED, 65535) + 1):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    return None


def _interface() -> str:
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in names if not name.startswith("lo")), "eth0")


def _text(host: str, port: int) -> str:
    return Bind("tcp", host=host, port=port).text


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
