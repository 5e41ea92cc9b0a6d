"""Asks a running server whether it is well, as a client would: one GET to each address."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from uncork.errors import EnvironmentProblem, UncorkError, UsageError
from uncork.settings import LOOPBACK_ADDRESSES, Bind, is_localhost_name

# Each answer below it shows that the server and the application are there: a redirect to the login
# page, and 404 for an application without a page at that path, too.
_FIRST_BAD_STATUS = 500
_MOST_BYTES_READ = 64 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Target:
    """What to ask.

    Attributes:
        url: As it is shown.
        address: Host and port, or the path of a unix socket.
        host: For the `Host` header.
        path: With the query.
    """

    url: str
    address: tuple[str, int] | str
    host: str
    path: str
    is_tls: bool


def target_of_bind(bind: Bind, path: str, *, is_tls: bool) -> Target:
    """The target for an address that a server on this machine listens on.

    Raises:
        UsageError: It does not say where that is.
    """
    scheme = "https" if is_tls else "http"
    if bind.kind == "unix":
        return Target(f"{bind.text} {path}", bind.path, "localhost", path, is_tls)
    if bind.kind == "fd" or bind.port == 0:
        raise UsageError(
            f"it can't be known where a server with `{bind.text}` listens",
            hints=(f"say it: `uncork health --url {scheme}://127.0.0.1:8000{path}`",),
        )
    address = _EVERYWHERE.get(bind.host, bind.host)
    shown = f"[{address}]" if ":" in address else address
    host = shown if bind.port == _DEFAULT_PORTS[scheme] else f"{shown}:{bind.port}"
    return Target(f"{scheme}://{host}{path}", (address, bind.port), host, path, is_tls)


def target_of_url(url: str) -> Target:
    """The target that a URL names.

    Raises:
        UsageError: It is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    if not parts.hostname or not port or not url.isprintable() or " " in url:
        raise UsageError(
            f"`{url}` is not a URL to ask",
            hints=("write it as in `http://127.0.0.1:8000/healthz`",),
        )
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    host = parts.netloc.rpartition("@")[2]
    return Target(url, (parts.hostname, port), host, path, parts.scheme == "https")


def ask(target: Target, timeout_seconds: float) -> str:
    """The answer in a few words, such as `200 OK after 3 ms`.

    Raises:
        EnvironmentProblem: There is none in time, or it is one of a server that is not well.
    """
    started = time.monotonic()
    try:
        with _connected(target, timeout_seconds) as connection:
            status, reason = _get(connection, target)
    except TimeoutError:
        raise _unwell(target, f"there was no answer within {timeout_seconds:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise _unwell(target, _described(error)) from None
    answer = f"{status} {reason}".strip()
    if status >= _FIRST_BAD_STATUS:
        raise _unwell(target, f"the answer was {answer}")
    return f"{answer} after {(time.monotonic() - started) * 1000:.0f} ms"


def _connected(target: Target, timeout_seconds: float) -> socket.socket:
    if isinstance(target.address, str):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout_seconds)
            connection.connect(target.address)
        except BaseException:
            connection.close()
            raise
    else:
        host, port = target.address
        host = LOOPBACK_ADDRESSES[0] if is_localhost_name(host) else host
        connection = socket.create_connection((host, port), timeout=timeout_seconds)
    if not target.is_tls:
        return connection
    # Whether the certificate is good, and for which name, is not the question here.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        is_unix = isinstance(target.address, str)
        name = target.host if is_unix else target.address[0]
        return context.wrap_socket(connection, server_hostname=name)
    except BaseException:
        connection.close()
        raise


def _get(connection: socket.socket, target: Target) -> tuple[int, str]:
    client = http.client.HTTPConnection("localhost")
    client.sock = connection
    headers = {"Host": target.host, "User-Agent": "uncork-health", "Connection": "close"}
    client.request("GET", target.path, headers=headers)
    answer = client.getresponse()
    answer.read(_MOST_BYTES_READ)  # the server need not count it as broken off
    return answer.status, answer.reason


def _described(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException):
        return "what came back was no answer in HTTP"
    if isinstance(error, socket.gaierror):
        return "the host name is unknown"
    text = getattr(error, "strerror", None) or str(error)
    return str(text).lower()


def _unwell(target: Target, cause: str) -> UncorkError:
    return EnvironmentProblem(
        f"`{target.url}` is not well",
        cause=cause,
        hints=(
            "if the server listens elsewhere, or with TLS, say so: `uncork health --url URL`, or "
            "the `--bind` that it has",
        )
        if "refused" in cause or "no such" in cause or "ssl" in cause.lower()
        else (),
    )
