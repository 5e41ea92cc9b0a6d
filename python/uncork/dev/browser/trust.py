"""Which names a browser may have called the server by, if it is to be trusted.

A page of somebody else's can have its own name point to this machine, and then read what is
answered to that name (DNS rebinding). It can't do that with an address, nor with a name that is
always this machine's.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address to listen on, is reached from this machine alone."""
    name = host.strip("[]").rstrip(".").lower()
    address = _address(name)
    if address is not None:
        return address.is_loopback
    return name == "localhost" or name.endswith(".localhost")


def is_trusted(header: str | None, hosts: Iterable[str], *, trusts_network: bool) -> bool:
    """Whether what stands in the `Host` field names this machine.

    Args:
        header: The field; `None` if there is none.
        hosts: What is listened on.
        trusts_network: Trust each address, and the machine's own name too.
    """
    match = _HOST.fullmatch(header or "")
    if match is None:
        return False
    name = match["name"].strip("[]").rstrip(".").lower()
    if is_loopback(name) or name in {host.strip("[]").lower() for host in hosts}:
        return True
    if name.endswith(".test"):  # nobody can have such a name outside (RFC 6761 §6.2)
        return True
    if not trusts_network:
        return False
    return _address(name) is not None or name == socket.gethostname().lower()


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
