"""The addresses of this machine, for messages."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from pathlib import Path

_IPV4_TABLE = Path("/proc/net/fib_trie")
_IPV6_TABLE = Path("/proc/net/if_inet6")

# Addresses for documentation (RFC 5737, RFC 3849): nothing is sent to them.
_SOMEWHERE = {
    socket.AF_INET: ("192.0.2.1", "127.0.0.1"),
    socket.AF_INET6: ("2001:db8::1", "::1"),
}


def local_addresses() -> list[str]:
    """The IPv4 and IPv6 addresses of this machine, the loopback ones last.

    Off Linux, the loopback addresses and those that connections go out from.
    """
    found = {*_ipv4_addresses(), *_ipv6_addresses()}
    if not found:
        found = {outward_address(family) for family in _SOMEWHERE} | {"127.0.0.1", "::1"}
    addresses = sorted(map(ipaddress.ip_address, found), key=lambda a: (a.version, int(a)))
    return [str(address) for address in sorted(addresses, key=lambda a: a.is_loopback)]


def outward_address(family: socket.AddressFamily) -> str:
    """The address that connections to other machines go out from; loopback without network."""
    far, loopback = _SOMEWHERE[family]
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((far, 9))  # looks up the route and sends nothing
        return str(probe.getsockname()[0])
    return loopback


def _ipv4_addresses() -> set[str]:
    found = set()
    before = ""
    for line in _read(_IPV4_TABLE):
        if line.endswith("/32 host LOCAL"):
            found.add(before.rpartition(" ")[2])
        before = line
    return found


def _ipv6_addresses() -> set[str]:
    return {
        str(ipaddress.IPv6Address(int(line.split()[0], 16))) for line in _read(_IPV6_TABLE) if line
    }


def _read(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()
    except OSError:
        return []
