"""Where a development server listens, when nobody has said it."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from collections.abc import Mapping

from uncork import console
from uncork.errors import UsageError
from uncork.settings import (
    DEV_PORT,
    BadValueError,
    Bind,
    Origin,
    ResolvedDevSettings,
    is_localhost_name,
    parse_bind,
)
from uncork.supervisor.socket_owners import Found, tcp_owner

_LOOPBACK, _EVERYWHERE = "127.0.0.1", "0.0.0.0"
_TRIES = 100


def address_of(resolved: ResolvedDevSettings, environ: Mapping[str, str]) -> tuple[Bind, Origin]:
    """The address, and who has set it; a port that nobody has set is a free one.

    Raises:
        UsageError: The host can't be one.
    """
    values, origins = resolved.values, resolved.origins
    by_platform = "`PORT`" in origins["port"].text
    host = values.host
    if host is None:
        host = _EVERYWHERE if by_platform or is_in_container(environ) else _LOOPBACK
    port = values.port if values.port is not None else _free_port(host)
    text = f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bind = parse_bind(f"unix:{host[7:]}" if host.startswith("unix://") else text)
    except BadValueError as error:
        raise UsageError(
            f"bad value `{host}` for {origins['host'].text}", cause=error.cause, hints=(error.hint,)
        ) from None
    # The weaker one is a default as well.
    origin = origins["host"] if not origins["host"].is_default else origins["port"]
    return bind, origin


def as_port(hint: str) -> str:
    """A hint in the words of `uncork dev`: `--port 5001`, not `--bind 127.0.0.1:5001`."""
    return re.sub(r"`--bind [^`]*:(\d+)`", r"`--port \1`", hint)


def is_in_container(environ: Mapping[str, str]) -> bool:
    """Whether loopback is nobody's but this process's own."""
    marks = ("container", "KUBERNETES_SERVICE_HOST")
    return any(environ.get(name) for name in marks) or os.path.exists("/.dockerenv")  # noqa: PTH110


def _free_port(host: str) -> int:
    for port in range(DEV_PORT, DEV_PORT + _TRIES):
        if not _is_taken(host, port):
            if port != DEV_PORT:
                owner = _by(tcp_owner(host, DEV_PORT)) if _is_numeric(host) else ""
                console.note(
                    f"port {DEV_PORT} is taken{owner}: {port} is used",
                    "`--port`, or `port` in `[tool.uncork.dev]`, fixes it",
                )
            return port
    return DEV_PORT  # whoever binds says what is wrong with it


def _by(owner: Found) -> str:
    return "" if owner.process is None else f" by process {owner.process} ({owner.command})"


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_taken(host: str, port: int) -> bool:
    if is_localhost_name(host):
        host = _LOOPBACK
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
            probe.listen(1)
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
