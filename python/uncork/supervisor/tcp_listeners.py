"""TCP listeners: one address or every address of a host name."""

from __future__ import annotations

import errno
import socket

from uncork import console
from uncork.settings import LOOPBACK_ADDRESSES, Bind, is_localhost_name
from uncork.supervisor.refusals import tcp_refusal, unknown_host

# A port that the system chose for the first address of a name may be taken on the second.
_ATTEMPTS_FOR_ONE_PORT = 16

_Address = tuple[socket.AddressFamily, tuple[str, int]]


def open_tcp(bind: Bind, backlog: int) -> list[socket.socket]:
    """Sockets that listen on every address that `bind.host` stands for.

    Port 0 becomes the same free port on all of them. An address of a name that this machine
    has not got is passed over with a note if another one can be had: `localhost` names `::1`
    also where IPv6 is switched off.

    Raises:
        EnvironmentProblem: The name is unknown, or an address can't be listened on.
    """
    addresses = _resolve(bind)
    attempts = _ATTEMPTS_FOR_ONE_PORT if bind.port == 0 and len(addresses) > 1 else 1
    while True:
        attempts -= 1
        try:
            return _listen_on_all(bind, addresses, backlog)
        except _PortTakenError as taken:
            if not attempts:
                raise tcp_refusal(bind, taken.address, taken.error) from None


class _PortTakenError(Exception):
    def __init__(self, address: tuple[str, int], error: OSError) -> None:
        super().__init__()
        self.address = address
        self.error = error


def _resolve(bind: Bind) -> list[_Address]:
    # Browsers know by themselves what is below `localhost`; most resolvers do not.
    hosts = LOOPBACK_ADDRESSES if is_localhost_name(bind.host) else (bind.host,)
    addresses: list[_Address] = []
    for host in hosts:
        try:
            found = socket.getaddrinfo(
                host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except (socket.gaierror, UnicodeError) as error:
            raise unknown_host(bind, error) from None
        for family, _, _, _, address in found:
            known = (family, address)
            if family in (socket.AF_INET, socket.AF_INET6) and known not in addresses:
                addresses.append(known)  # type: ignore[arg-type]
    return addresses


def _listen_on_all(bind: Bind, addresses: list[_Address], backlog: int) -> list[socket.socket]:
    opened: list[socket.socket] = []
    passed_over: list[tuple[str, OSError]] = []
    try:
        for family, address in addresses:
            port = opened[0].getsockname()[1] if opened else bind.port
            wanted = (address[0], port, *address[2:])
            try:
                opened.append(_listen(family, wanted, backlog))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise _PortTakenError(wanted[:2], error) from None
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise tcp_refusal(bind, wanted[:2], error) from None
                passed_over.append((wanted[0], error))
        if not opened:
            host, refusal = passed_over[0]
            raise tcp_refusal(bind, (host, bind.port), refusal)
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    for host, _ in passed_over:
        console.note(f"`{bind.host}` also names `{host}`, which is not on this machine")
    return opened


def _listen(
    family: socket.AddressFamily, address: tuple[str | int, ...], backlog: int
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it, the port stays refused for a minute after a restart, while connections
        # of the process before are in TIME_WAIT (socket(7)).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # The default differs from system to system; `[::]` means IPv6 on every one.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
