"""`uncork.run`: what `app.run()` is to Flask, for every WSGI app and on uncork's own server.

Loads next to nothing: under `uncork serve` and `uncork dev` the call is caught, as that of every
other server is, and nothing of what would serve here is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

if TYPE_CHECKING:
    import os
    import ssl

    from _typeshed.wsgi import WSGIApplication

    StrPath = str | os.PathLike[str]

__all__ = ["ServerOptions", "run"]


class ServerOptions(TypedDict, total=False):
    """What `uncork.run` takes beside its own arguments, as `app.run()` and `run_simple()` do.

    Attributes:
        use_reloader: Whether the app is loaded anew when its code changes; the value of `debug`
            if it is not given.
        use_debugger: Whether errors are shown in the browser, by Werkzeug's debugger; the value
            of `debug` if it is not given.
        use_evalex: Whether the debugger evaluates expressions.
        extra_files: Further files that the app is loaded anew for.
        exclude_patterns: Files that it is not loaded anew for, as in "*/generated/*".
        reloader_interval: No effect: changes are noticed at once.
        reloader_type: No effect: the operating system says what has changed.
        threaded: `False` has one request answered after the other.
        processes: No effect beyond 1: `uncork serve` has several processes.
        request_handler: No effect: it is a class of the other server's.
        static_files: Folders by the path under which their files are served.
        passthrough_errors: Whether an error of the app ends the server and is raised by `run`.
        ssl_context: The files of a certificate and its key, or "adhoc".
    """

    use_reloader: bool | None
    use_debugger: bool | None
    use_evalex: bool
    extra_files: Iterable[StrPath] | None
    exclude_patterns: Iterable[str] | None
    reloader_interval: float
    reloader_type: str
    threaded: bool
    processes: int
    request_handler: type | None
    static_files: Mapping[str, str | tuple[str, str]] | None
    passthrough_errors: bool
    ssl_context: ssl.SSLContext | tuple[StrPath, StrPath] | tuple[StrPath] | str | None


def run(
    app: WSGIApplication,
    host: str | None = None,
    port: int | None = None,
    debug: bool | None = None,
    load_dotenv: bool = True,
    **options: Unpack[ServerOptions],
) -> None:
    """Serves an app as `app.run()` does, with the same arguments, until it is stopped.

    With the reloader, which `debug=True` switches on, this process becomes `uncork dev`, which
    runs the script again, survives its errors, and does not return. Without one, the app is
    served in this very process, and `run` returns after Ctrl+C or TERM.

    Under `uncork serve` and `uncork dev`, the app is served by those, and while `flask` runs a
    command of its own, nothing is.

    Args:
        app: Any WSGI app.
        host: What to listen on; `unix:///path` for a socket file. Without it, what the settings
            say, then the host in Flask's `SERVER_NAME`, then 127.0.0.1.
        port: 0 takes any free one. Without it, what the settings say, then the port in Flask's
            `SERVER_NAME`, then 5000.
        debug: Sets `app.debug`. Without it, `FLASK_DEBUG` or `app.debug` decide.
        load_dotenv: Whether `.env` and `.flaskenv` are read.
        options: See `ServerOptions`.

    Raises:
        SystemExit: It could not be served; what is wrong has been told by then.
    """
    from uncork.running.calling import run_call  # noqa: PLC0415 (only when it is to serve)

    run_call(app, host, port, debug, load_dotenv, options)
