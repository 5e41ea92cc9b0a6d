"""What a script gave its own run call, where no setting says otherwise.

Whoever runs `uncork serve hello.py` gets the address that `python hello.py` has. Everything
that was set on purpose, by a flag, a variable or a file, comes first.
"""

from __future__ import annotations

from dataclasses import replace

from uncork.app_locator import RunOptions
from uncork.errors import AppError
from uncork.settings import BadValueError, Bind, ResolvedSettings, Settings, parse_bind
from uncork.supervisor.certificates import ADHOC


def with_run_options(resolved: ResolvedSettings, options: RunOptions | None) -> Settings:
    """The settings, with the run call's values in the place of defaults.

    Raises:
        AppError: The run call names an address that is none.
    """
    settings = resolved.values
    if options is None:
        return settings

    def is_default(*names: str) -> bool:
        return all(resolved.origins[name].is_default for name in names)

    if is_default("bind"):
        settings = replace(settings, bind=(_bind(options, settings.bind[0]),))
    if is_default("cert", "key") and options.is_adhoc_tls:
        settings = replace(settings, cert=ADHOC)
    elif is_default("cert", "key") and options.certificate is not None:
        settings = replace(settings, cert=str(options.certificate), key=str(options.key))
    if is_default("threads") and options.threads is not None:
        settings = replace(settings, threads=options.threads)
    return settings


def _bind(options: RunOptions, default: Bind) -> Bind:
    try:
        if options.unix_socket is not None:
            return parse_bind(f"unix:{options.unix_socket}")
        host = default.host if options.host is None else _host(options.host)
        port = default.port if options.port is None else options.port
        return parse_bind(f"{host}:{port}")
    except BadValueError as error:
        raise AppError(
            f"the address of `{options.runner}` at `{options.where}` can't be listened on",
            cause=error.cause,
            hints=("change it there, or set one that comes first with `--bind`",),
        ) from None


def _host(host: str) -> str:
    if host in ("", "*"):  # as `socket.bind` and waitress have it
        return "0.0.0.0"
    return f"[{host.strip('[]')}]" if ":" in host else host
