"""Reads one call of `uncork.run`, and has the app served: as `uncork dev`, or right here."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncork import console
from uncork.app_locator import RunOptions, frames, run_options, wsgi_shape
from uncork.cli.wrapped_apps import find_inside
from uncork.errors import AppError, UncorkError, UsageError
from uncork.running import ServerOptions
from uncork.settings import ResolvedSettings, resolve
from uncork.settings.suggestion import did_you_mean

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

NAME = "uncork.run()"
_FROM_FLASK = "FLASK_RUN_FROM_CLI"
_IN_RELOADER = "WERKZEUG_RUN_MAIN"
_SKIP_DOTENV = "FLASK_SKIP_DOTENV"
_DEBUG = "FLASK_DEBUG"
# Of what has no effect: whoever gives these asks for nothing.
_DEFAULTS = {"reloader_type": "auto", "reloader_interval": 1}
_NO = ("0", "false", "no")  # flask.helpers.get_debug_flag, get_load_dotenv


@dataclass(frozen=True)
class Call:
    """What one call asks for, with what the settings and the app say where it says nothing.

    Attributes:
        where: The user's line, as in "hello.py:12".
        given: What was given there, in uncork's words.
        resolved: The settings.
        debug: What `app.debug` is from now on, if the app has one.
        server_name: Host and port of Flask's `SERVER_NAME`; `None` for what it leaves open.
        reads_dotenv: Whether `.env` and `.flaskenv` are read.
    """

    app: WSGIApplication
    where: str
    given: RunOptions
    resolved: ResolvedSettings
    debug: bool
    server_name: tuple[str | None, int | None]
    reads_dotenv: bool
    uses_reloader: bool
    uses_debugger: bool
    uses_evalex: bool = True
    extra_files: tuple[str, ...] = ()
    exclude_patterns: tuple[str, ...] = ()
    static_files: Mapping[str, Any] | None = None
    has_opaque_tls: bool = False
    """Its `ssl_context` is an object that can't tell its files; a takeover sees them loaded."""
    passes_errors: bool = False


def run_call(  # noqa: PLR0913, PLR0917 (it has the arguments of `uncork.run`)
    app: object,
    host: str | None,
    port: int | None,
    debug: bool | None,
    load_dotenv: bool,
    options: ServerOptions,
) -> None:
    """Serves the app; returns when that is over, or does not, if this process becomes another.

    Raises:
        SystemExit: It could not be served; what is wrong has been told by then.
    """
    where = frames.calling_place() or f"thread {threading.current_thread().name}"
    if os.environ.get(_FROM_FLASK) == "true":
        _pass_over(where)
        return
    try:
        given = {"host": host or None, "port": port, **options}
        call = read_call(app, where, given, debug=debug, load_dotenv=load_dotenv)
        _serve(call)
    except UncorkError as error:
        console.fail(error)
        raise SystemExit(error.exit_code) from None


def read_call(
    app: object, where: str, given: Mapping[str, object], *, debug: bool | None, load_dotenv: bool
) -> Call:
    """What the call asks for; sets `app.debug`, and what `.env` and `.flaskenv` say.

    Raises:
        UncorkError: Something that was given, or a setting, can't be used.
    """
    _check(app, where, given)
    resolved = _settings(reads_dotenv := _reads_dotenv(load_dotenv))
    flask_app: Any = find_inside(app, wsgi_shape.is_flask)
    is_debugged = _is_debugged(flask_app, debug, reads_environment=reads_dotenv)
    if flask_app is not None:
        flask_app.debug = is_debugged
    options = dict(given)
    uses_reloader = options.pop("use_reloader", None)
    uses_debugger = options.pop("use_debugger", None)
    for name, default in _DEFAULTS.items():
        if options.get(name) == default:
            del options[name]
    has_opaque_tls = _is_ssl_context(options.get("ssl_context"))
    if has_opaque_tls:
        del options["ssl_context"]
    return Call(
        app=app,  # type: ignore[arg-type]  # `_check` has looked
        where=where,
        server_name=_server_name(flask_app),
        resolved=resolved,
        debug=is_debugged,
        reads_dotenv=reads_dotenv,
        uses_reloader=is_debugged if uses_reloader is None else bool(uses_reloader),
        uses_debugger=is_debugged if uses_debugger is None else bool(uses_debugger),
        uses_evalex=bool(options.pop("use_evalex", True)),
        extra_files=run_options.texts(options.pop("extra_files", None)),
        exclude_patterns=run_options.texts(options.pop("exclude_patterns", None)),
        static_files=_static_files(options.pop("static_files", None)),
        has_opaque_tls=has_opaque_tls,
        passes_errors=bool(options.pop("passthrough_errors", False)),
        given=run_options.collect(NAME, where, options),
    )


def _serve(call: Call) -> None:
    if call.uses_reloader:
        from uncork.running import anew  # noqa: PLC0415 (only what is needed is loaded)

        why_not = anew.why_not()
        if why_not is None:
            anew.become_dev(call)
        console.warn(f"`{NAME}` at `{call.where}` serves without the reloader: {why_not}")
    from uncork.running import here  # noqa: PLC0415

    here.serve(call)


def _check(app: object, where: str, given: Mapping[str, object]) -> None:
    known = {"host", "port", *ServerOptions.__annotations__}
    for name in given:
        if name not in known:
            hints = did_you_mean(name, known) or ("it takes what `app.run()` takes",)
            raise UsageError(f"`{NAME}` at `{where}` takes no `{name}`", hints=hints)
    if wsgi_shape.is_asgi(app):
        raise AppError(
            f"`{NAME}` at `{where}` runs an ASGI app",
            cause="uncork serves WSGI apps",
            hints=("serve it with an ASGI server, such as `uvicorn` or `hypercorn`",),
        )
    if not wsgi_shape.is_app(app):
        raise AppError(
            f"`{NAME}` at `{where}` was given no app",
            cause=f"a `{type(app).__name__}` can't be called with `environ` and `start_response`",
            hints=("give it the app itself, as in `uncork.run(app)`",),
        )


def _reads_dotenv(load_dotenv: bool) -> bool:
    skip = os.environ.get(_SKIP_DOTENV)
    return skip.lower() in _NO if skip else load_dotenv


def _settings(reads_dotenv: bool) -> ResolvedSettings:
    environ = dict(os.environ) if reads_dotenv else {**os.environ, _SKIP_DOTENV: "1"}
    resolved = resolve(flags={}, environ=environ, directory=Path.cwd())
    for warning in resolved.warnings:
        console.warn(warning)
    if reads_dotenv:
        for name, value in resolved.dotenv.items():
            os.environ.setdefault(name, value)
    return resolved


def _is_debugged(flask_app: Any, debug: bool | None, *, reads_environment: bool) -> bool:
    """As `app.run()` finds out, for an app without `debug` too."""
    if debug is not None:
        return bool(debug)
    variable = os.environ.get(_DEBUG)
    if variable is not None and (reads_environment or flask_app is None):
        return bool(variable) and variable.lower() not in _NO
    return bool(getattr(flask_app, "debug", False))


def _server_name(flask_app: Any) -> tuple[str | None, int | None]:
    name = flask_app.config.get("SERVER_NAME") if flask_app is not None else None
    host, _, port = (name or "").partition(":")
    return host or None, int(port) if port.isdecimal() else None


def _is_ssl_context(value: object) -> bool:
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(value, ssl.SSLContext)


def _static_files(value: object) -> Mapping[str, Any] | None:
    if not value:
        return None
    # Werkzeug takes pairs as well.
    return dict(value)  # type: ignore[call-overload, no-any-return]


def _pass_over(where: str) -> None:
    """As `app.run()` does while `flask` runs a command of its own."""
    if os.environ.get(_IN_RELOADER) != "true":
        console.note(
            f"`{NAME}` at `{where}` was passed over: `flask` runs a command of its own; "
            'put it under `if __name__ == "__main__":`'
        )
