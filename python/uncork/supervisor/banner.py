"""What is said when the server is ready."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from uncork.supervisor.listeners import Listener, Listeners
from uncork.supervisor.local_addresses import outward_address
from uncork.supervisor.worker_count import WorkerCount

_DEFAULT_PORTS = {"http": 80, "https": 443}


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


def places_of(listeners: Listeners, *, is_tls: bool) -> list[str]:
    """Where the listeners are, each place once."""
    scheme = "https" if is_tls else "http"
    return list(dict.fromkeys(_place(listener, scheme) for listener in listeners))


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
    if host in ("0.0.0.0", "::"):
        host = outward_address(family)
        everywhere = f" (on every {'IPv6' if family == socket.AF_INET6 else 'IPv4'} address)"
    elif listener.bind.kind == "tcp":
        host = listener.bind.host
    if ":" in host:
        host = f"[{host}]"
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{suffix}{everywhere}"
