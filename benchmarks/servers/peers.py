"""The peers: each at its defaults, and with 16 threads where it has threads.

One worker, keep-alive, no access log for all. Where a flag stands, it makes the server do one of
these; nothing else is tuned. The newest versions are installed by `benchmarks.install`.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.servers.server import SUITE_BIN, Server

_THREADS = "16"


def _program(name: str, *flags: str) -> Callable[[str, int], list[str]]:
    """A command of the suite's environment; `{app}` and `{port}` are filled in."""

    def command(app: str, port: int) -> list[str]:
        filled = [flag.format(app=app, port=port) for flag in flags]
        return [str(SUITE_BIN / name), *filled]

    return command


def _script(statements: str) -> Callable[[str, int], list[str]]:
    """A server that is called from Python; `{module}`, `{name}` and `{port}` are filled in."""

    def command(app: str, port: int) -> list[str]:
        module, _, name = app.partition(":")
        filled = statements.format(module=module, name=name, port=port)
        return [str(SUITE_BIN / "python"), "-c", f"from {module} import {name} as app; {filled}"]

    return command


_BJOERN = _script("import bjoern; bjoern.run(app, '127.0.0.1', {port})")
_FASTWSGI = _program("fastwsgi", "--host", "127.0.0.1", "--port", "{port}", "{app}")
_GRANIAN = ("--interface", "wsgi", "--port", "{port}", "{app}")
_GUNICORN = ("--worker-class", "gthread", "--bind", "127.0.0.1:{port}", "{app}")
_WAITRESS = ("--listen", "127.0.0.1:{port}", "{app}")
_WERKZEUG = (
    "import logging; from werkzeug.serving import run_simple; "
    "logging.getLogger('werkzeug').setLevel('ERROR'); "
)
# uWSGI needs two flags for keep-alive, one for no access log, one to end when it is told to.
_UWSGI = ("--disable-logging", "--die-on-term", "--module", "{app}")
_UWSGI_ROUTER = (*_UWSGI, "--http", "127.0.0.1:{port}", "--http-keepalive", "--http-auto-chunked")
_UWSGI_DIRECT = (*_UWSGI, "--http11-socket", "127.0.0.1:{port}")

PEERS = [
    Server("bjoern", "bjoern", _BJOERN, "bjoern"),
    Server("fastwsgi", "FastWSGI", _FASTWSGI, "fastwsgi"),
    Server("granian", "Granian", _program("granian", *_GRANIAN), "granian"),
    Server(
        "granian-16",
        "Granian, 16 threads",
        _program("granian", "--blocking-threads", _THREADS, *_GRANIAN),
        "granian",
    ),
    Server("uwsgi", "uWSGI", _program("uwsgi", *_UWSGI_ROUTER), "uwsgi"),
    Server(
        "uwsgi-16",
        "uWSGI, 16 threads",
        _program("uwsgi", "--threads", _THREADS, *_UWSGI_ROUTER),
        "uwsgi",
    ),
    Server(
        "uwsgi-direct-16",
        "uWSGI without its router, 16 threads",
        _program("uwsgi", "--threads", _THREADS, *_UWSGI_DIRECT),
        "uwsgi",
    ),
    Server("gunicorn", "Gunicorn gthread", _program("gunicorn", *_GUNICORN), "gunicorn"),
    Server(
        "gunicorn-16",
        "Gunicorn gthread, 16 threads",
        _program("gunicorn", "--threads", _THREADS, *_GUNICORN),
        "gunicorn",
    ),
    Server("waitress", "waitress", _program("waitress-serve", *_WAITRESS), "waitress"),
    Server(
        "waitress-16",
        "waitress, 16 threads",
        _program("waitress-serve", "--threads", _THREADS, *_WAITRESS),
        "waitress",
    ),
    Server(
        "werkzeug",
        "Werkzeug, as `app.run()`",
        _script(_WERKZEUG + "run_simple('127.0.0.1', {port}, app, threaded=True)"),
        "werkzeug",
    ),
]
