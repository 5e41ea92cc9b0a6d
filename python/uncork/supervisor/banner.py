"""What is said when the server is ready."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from uncork.supervisor.listeners import Listener, Listeners
from uncork.supervisor.local_addresses import outward_address
from uncork.supervisor.worker_count import WorkerCount

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Served:
    """What is served: the app's name and where it is from, by which uncork, and how."""

    app: str
    origin: str
    version: str
    is_tls: bool


def banner(listeners: Listeners, served: Served, workers: WorkerCount) -> list[str]:
    """The lines of the banner, the last of which begins with `ready`."""
    places = places_of(listeners, is_tls=served.is_tls)
    return [
        f"uncork {served.version} serves `{served.app}`, {served.origin}",
        f"listening on {', '.join(places)}",
        f"ready as process {os.getpid()} with {_count(workers)}; Ctrl+C stops it",
    ]


def places_of(listeners: Listeners, *, is_tls: bool, for_this_machine: bool = False) -> list[str]:
    """Where the listeners are, each place once.

    Args:
        listeners: The listeners.
        is_tls: Whether they serve HTTPS.
        for_this_machine: Say first how to reach those from here that are on every address.
    """
    scheme = "https" if is_tls else "http"
    places = []
    for listener in listeners:
        address, family = listener.socket.getsockname(), listener.socket.family
        if for_this_machine and family != socket.AF_UNIX and address[0] in _EVERYWHERE:
            places.append(_url(scheme, _EVERYWHERE[address[0]], int(address[1])))
        places.append(_place(listener, scheme))
    return list(dict.fromkeys(places))


def _count(workers: WorkerCount) -> str:
    plural = "" if workers.number == 1 else "s"
    return f"{workers.number} worker{plural} ({workers.reason})"


def _place(listener: Listener, scheme: str) -> str:
    """A URL to click, or `unix:` and the path; the addresses of one host name are one URL."""
    address = listener.socket.getsockname()
    family = listener.socket.family
    if family == socket.AF_UNIX:
        return f"unix:{listener.file.path if listener.file else address}"
    host, port = str(address[0]), int(address[1])
    everywhere = ""
    if host in _EVERYWHERE:
        host = outward_address(family)
        everywhere = f" (on every {'IPv6' if family == socket.AF_INET6 else 'IPv4'} address)"
    elif listener.bind.kind == "tcp":
        host = listener.bind.host
    return f"{_url(scheme, host, port)}{everywhere}"


def _url(scheme: str, host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{name}{suffix}"
