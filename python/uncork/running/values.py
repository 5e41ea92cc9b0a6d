"""The settings that one call of `uncork.run` is served with.

What the call gives comes first, then what was set elsewhere, then what `app.run()` has.
"""

from __future__ import annotations

from dataclasses import replace

from uncork import console
from uncork.app_locator import RunOptions
from uncork.errors import AppError
from uncork.running.calling import NAME, Call
from uncork.settings import BadValueError, Bind, Settings, parse_bind
from uncork.supervisor.certificates import ADHOC

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 5000  # as `app.run()` has them
# A person who presses Ctrl+C does not wait for longer.
_GRACE_IN_DEBUG_SECONDS = 2.0
# Whoever has set these may rely on them; the others only mean something with several processes.
_NEED_A_SUPERVISOR = ("user", "group", "admin", "once")
_WHY_NO_EFFECT = {
    "processes": "one process serves here; `uncork serve` has several",
    "request_handler": "it is a class of Werkzeug's server",
    "reloader_interval": "changes are noticed when they happen",
    "reloader_type": "the operating system tells what has changed",
}


def settings_of(call: Call) -> Settings:
    """The settings to serve with, in this process.

    Raises:
        AppError: The call names an address that is none.
    """
    settings, origins = call.resolved.values, call.resolved.origins
    given = call.given
    settings = replace(settings, bind=_binds(call))
    if call.has_opaque_tls:
        raise _opaque_tls(call)
    if given.is_adhoc_tls:
        settings = replace(settings, cert=ADHOC, key=None)
    elif given.certificate is not None:
        settings = replace(settings, cert=str(given.certificate), key=str(given.key))
    if given.threads is not None:
        settings = replace(settings, threads=given.threads)
    if origins["access_log_format"].is_default and settings.access_log is None:
        settings = replace(settings, access_log_format="terminal")
    if origins["graceful_timeout"].is_default and call.debug:
        settings = replace(settings, graceful_timeout=_GRACE_IN_DEBUG_SECONDS)
    return settings


def tell_no_effect(call: Call) -> None:
    """Says what was given or set and comes to nothing here, and why."""
    for name in call.given.ignored:
        reason = _WHY_NO_EFFECT.get(name)
        console.note(
            f"`{name}` has no effect in `{NAME}` at `{call.where}`"
            + (f": {reason}" if reason else "")
        )


def tell_unused_settings(call: Call) -> None:
    """Says which settings come to nothing where there is no supervisor."""
    origins = call.resolved.origins
    unused = [
        f"{origins[name].text}" for name in _NEED_A_SUPERVISOR if not origins[name].is_default
    ]
    if unused:
        console.note(f"no effect in `{NAME}`, only under `uncork serve`: {', '.join(unused)}")


def _binds(call: Call) -> tuple[Bind, ...]:
    given = call.given
    try:
        if given.unix_socket is not None:
            return (parse_bind(f"unix:{given.unix_socket}"),)
        host, port = _address(call)
        binds = call.resolved.values.bind
        if call.resolved.origins["bind"].is_default:
            host, port = host or DEFAULT_HOST, DEFAULT_PORT if port is None else port
        elif host is None and port is None:
            return binds
        first = binds[0]
        is_tcp = first.kind == "tcp"
        host = host or (first.host if is_tcp else DEFAULT_HOST)
        port = port if port is not None else (first.port if is_tcp else DEFAULT_PORT)
        return (parse_bind(f"{_host(host)}:{port}"),)
    except BadValueError as error:
        raise _no_address(given, error) from None


def _address(call: Call) -> tuple[str | None, int | None]:
    given, (host, port) = call.given, call.server_name
    if not call.resolved.origins["bind"].is_default:
        host = port = None  # what is set on purpose comes before the name
    return given.host or host, port if given.port is None else given.port


def _host(host: str) -> str:
    if host == "*":
        return "0.0.0.0"
    return f"[{host.strip('[]')}]" if ":" in host else host


def _opaque_tls(call: Call) -> AppError:
    return AppError(
        f"the certificate of `{NAME}` at `{call.where}` can't be read from its `ssl_context`",
        cause="an `SSLContext` does not tell which files it was loaded from",
        hints=(
            'give the files themselves: `ssl_context=("cert.pem", "key.pem")`',
            "or run the script by `uncork serve`, which sees the files when they are loaded",
        ),
    )


def _no_address(given: RunOptions, error: BadValueError) -> AppError:
    return AppError(
        f"the address of `{given.runner}` at `{given.where}` can't be listened on",
        cause=error.cause,
        hints=("change it there",),
    )
