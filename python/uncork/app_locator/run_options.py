"""Reads what a script gave to its run call, whichever server it named, into `RunOptions`.

One table of keyword names serves all of them: they spell the same few ideas in the same words.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uncork.app_locator.located import DebugOptions, RunOptions
from uncork.errors import AppError

_HOSTS = ("host", "hostname", "interface")
_PORTS = ("port",)
_UNIX_SOCKETS = ("unix_socket",)
_THREADS = ("threads", "numthreads")
_CERTIFICATES = ("certificate", "certfile")
_KEYS = ("private_key", "keyfile")
# What asks for nothing that uncork does not do anyway, or speaks only to the other server.
_SILENT = frozenset(
    {
        "load_dotenv",
        "quiet",
        "log",
        "log_output",
        "allow_unsafe_werkzeug",
        "server",
        "server_class",
        "interval",
        "ident",
        "_quiet",
        "clear_untrusted_proxy_headers",
    }
)


@dataclass(frozen=True)
class CertificateFiles:
    """What an `ssl.SSLContext` was loaded from."""

    certificate: Path
    key: Path
    has_password: bool


class UnknownCertificate:
    """Stands for an `ssl.SSLContext` of which nobody saw the files."""


def collect(runner: str, where: str, options: Mapping[str, object]) -> RunOptions:
    """The options in uncork's words.

    Args:
        runner: The call as a person writes it, such as "app.run()".
        where: The line of the call.
        options: By the keyword names of the server that was called; an `ssl_context` is a
            `CertificateFiles`, a tuple of paths, "adhoc", or an `UnknownCertificate`.

    Raises:
        AppError: A value is of no use, such as a port that is not a number.
    """
    left = {name: value for name, value in options.items() if value is not None}
    host = _first(left, _HOSTS)
    unix_socket = _first(left, _UNIX_SOCKETS)
    if isinstance(host, str) and host.startswith(("unix://", "unix:")):
        unix_socket, host = host.removeprefix("unix:").removeprefix("//"), None
    host, port, unix_socket = _listen(left, host, _first(left, _PORTS), unix_socket)
    certificate, key, is_adhoc = _tls(left, runner, where)
    threads = _number(_first(left, _THREADS), "threads", runner, where)
    if left.pop("threaded", None) is False and threads is None:
        threads = 1
    if left.get("processes") == 1:
        del left["processes"]
    return RunOptions(
        runner=runner,
        where=where,
        host=None if host is None else str(host),
        port=None if unix_socket else _number(port, "port", runner, where),
        unix_socket=None if unix_socket is None else str(unix_socket),
        certificate=certificate,
        key=key,
        is_adhoc_tls=is_adhoc,
        threads=threads,
        ignored=tuple(name for name, value in left.items() if _asks_for_something(name, value)),
        debugging=_debugging(left),
    )


def without_certificate(options: Mapping[str, object]) -> dict[str, object]:
    """The options without what names a certificate, for when the settings name another one."""
    names = ("ssl_context", *_CERTIFICATES, *_KEYS)
    return {name: value for name, value in options.items() if name not in names}


def texts(value: object) -> tuple[str, ...]:
    """Paths or patterns, whoever has given one instead of several too."""
    if not value:
        return ()
    values = [value] if isinstance(value, str | os.PathLike) else _list(value)
    return tuple(os.fspath(each) for each in values if isinstance(each, str | os.PathLike))


def _debugging(left: Mapping[str, object]) -> DebugOptions:
    def is_on(name: str) -> bool | None:
        return bool(left[name]) if name in left else None

    return DebugOptions(
        debug=is_on("debug"),
        use_debugger=is_on("use_debugger"),
        use_evalex=is_on("use_evalex"),
        extra_files=texts(left.get("extra_files")),
        exclude_patterns=texts(left.get("exclude_patterns")),
    )


def _asks_for_something(name: str, value: object) -> bool:
    return name not in _SILENT and value not in (False, (), [], {}, "")


def _first(left: dict[str, object], names: tuple[str, ...]) -> object:
    """The first that is given; all of them are taken out."""
    values = [left.pop(name) for name in names if name in left]
    return values[0] if values else None


def _listen(
    left: dict[str, object], host: object, port: object, unix_socket: object
) -> tuple[object, object, object]:
    """Waitress's `listen="*:8080 [::]:8080"`: the first address; the others have no effect."""
    listen = left.pop("listen", None)
    if not listen:
        return host, port, unix_socket
    addresses = listen.split() if isinstance(listen, str) else [str(item) for item in _list(listen)]
    if len(addresses) > 1:
        left[f"listen={' '.join(addresses[1:])}"] = True
    host, separator, port = addresses[0].rpartition(":")
    if not separator or addresses[0].endswith("]"):
        host, port = addresses[0], None
    host = str(host).strip("[]")
    return "0.0.0.0" if host == "*" else host, port, unix_socket


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple, set)) else [value]


def _tls(left: dict[str, object], runner: str, where: str) -> tuple[Path | None, Path | None, bool]:
    context = left.pop("ssl_context", None)
    certificate, key = _first(left, _CERTIFICATES), _first(left, _KEYS)
    if isinstance(context, str) and context == "adhoc":
        return None, None, True
    if isinstance(context, CertificateFiles) and not context.has_password:
        return context.certificate, context.key, False
    if isinstance(context, (tuple, list)) and 1 <= len(context) <= 2:
        certificate, key = (*context, None)[:2]
        context = None
    if context is not None:
        raise _unknown_certificate(context, runner, where)
    if certificate is None:
        return None, None, False
    # As Werkzeug and `load_cert_chain` do: without a key of its own, it is in the same file.
    return Path(str(certificate)), Path(str(key or certificate)), False


def _unknown_certificate(context: object, runner: str, where: str) -> AppError:
    cause = f"its `ssl_context` is a `{type(context).__name__}`, which names no files"
    if isinstance(context, UnknownCertificate):
        cause = "its `ssl_context` was loaded before uncork could see from which files"
    if isinstance(context, CertificateFiles):
        cause = "the key of its `ssl_context` is protected by a password"
    return AppError(
        f"the certificate of `{runner}` at `{where}` could not be taken over",
        cause=cause,
        hints=("name the files with `--cert` and `--key`",),
    )


def _number(value: object, name: str, runner: str, where: str) -> int | None:
    if value is None:
        return None
    try:
        return int(str(value))
    except ValueError:
        raise AppError(
            f"the {name} of `{runner}` at `{where}` is not a number: `{value!r}`",
            hints=(f"give a number there, as in `{name}=8000`",),
        ) from None
