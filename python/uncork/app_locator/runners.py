# ruff: noqa: PLR0913, PLR0917  # each replacement has the signature of what it replaces
"""The table of run calls: which calls of which libraries start a server, and how to read them.

To add a server, add a function that yields its patches, and a line to `RUNNERS`. Nothing here
imports a library: each function gets the module that the user's code has loaded.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from uncork.app_locator import frames
from uncork.app_locator.patching import Patch, Patcher
from uncork.app_locator.run_options import CertificateFiles, UnknownCertificate

_EVERY_ADDRESS = "0.0.0.0"


class Receiver(Protocol):
    """Gets each run call in place of the server that it would have started."""

    def run_call(self, app: Any, runner: str, where: str, options: Mapping[str, object]) -> None:
        """Serves, or passes the call over; returns when the server would have returned."""


def patchers(receiver: Receiver) -> dict[str, Patcher]:
    """The table for `patching.patched`, with every run call going to the receiver."""
    report = _Report(receiver)

    def bind(runner: Runner) -> Patcher:
        return lambda module: runner(module, report)

    table = {name: bind(runner) for name, runner in RUNNERS.items()}
    return table | {"ssl": report.ssl_patches, "threading": report.thread_patches}


class _Report:
    """Passes run calls on, with what only an onlooker knows: places, and certificate files."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._files: weakref.WeakKeyDictionary[Any, CertificateFiles] = weakref.WeakKeyDictionary()
        self._starts: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def __call__(
        self, app: Any, runner: str, options: Mapping[str, object], where: str | None = None
    ) -> None:
        where = where or self.place()
        context = options.get("ssl_context")
        ssl = sys.modules.get("ssl")
        if ssl is not None and isinstance(context, ssl.SSLContext):
            files = self._files.get(context, UnknownCertificate())
            options = {**options, "ssl_context": files}
        self._receiver.run_call(app, runner, where, options)

    def place(self) -> str:
        """The user's line that runs now, or that started the thread which runs now."""
        place = frames.calling_place()
        thread = threading.current_thread()
        return place or self._starts.get(thread) or f"thread {thread.name}"

    def ssl_patches(self, module: ModuleType) -> Iterator[Patch]:
        def load(
            original: Any, context: Any, certfile: Any, keyfile: Any = None, password: Any = None
        ) -> None:
            original(context, certfile, keyfile, password)
            paths = [Path(os.fsdecode(path)).absolute() for path in (certfile, keyfile or certfile)]
            self._files[context] = CertificateFiles(paths[0], paths[1], password is not None)

        yield Patch(module.SSLContext, "load_cert_chain", load)

    def thread_patches(self, module: ModuleType) -> Iterator[Patch]:
        def start(original: Any, thread: Any) -> None:
            self._starts[thread] = self.place()
            original(thread)

        yield Patch(module.Thread, "start", start)


Runner = Callable[[ModuleType, _Report], Iterator[Patch]]


def _flask(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run(
        original: Any,
        app: Any,
        host: Any = None,
        port: Any = None,
        debug: Any = None,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        # Deliberately not: host and port of SERVER_NAME, which name the public address.
        cli = sys.modules.get("flask.cli")
        if cli is not None and cli.get_load_dotenv(load_dotenv):
            cli.load_dotenv()
        report(app, "app.run()", {"host": host or None, "port": port, "debug": debug, **options})

    yield Patch(module.Flask, "run", run)


def _uncork(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run(
        original: Any,
        app: Any,
        host: Any = None,
        port: Any = None,
        debug: Any = None,
        load_dotenv: bool = True,
        **options: Any,
    ) -> None:
        app = _with_static_files(app, options)
        report(app, "uncork.run()", {"host": host or None, "port": port, "debug": debug, **options})

    yield Patch(module, "run", run)


def _with_static_files(app: Any, options: dict[str, Any]) -> Any:
    """The app with the folders that `static_files` names, which is taken out."""
    static_files = options.pop("static_files", None)
    if not static_files:
        return app
    from werkzeug.middleware.shared_data import SharedDataMiddleware  # noqa: PLC0415 # few have it

    return SharedDataMiddleware(app, static_files)


def _run_simple(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run_simple(
        original: Any,
        hostname: Any,
        port: Any,
        application: Any,
        use_reloader: Any = None,
        use_debugger: Any = None,
        use_evalex: Any = None,
        **options: Any,
    ) -> None:
        application = _with_static_files(application, options)
        options |= {"use_reloader": use_reloader, "use_debugger": use_debugger}
        report(application, "run_simple()", {"hostname": hostname, "port": port, **options})

    yield Patch(module, "run_simple", run_simple)


def _werkzeug(module: ModuleType, report: _Report) -> Iterator[Patch]:
    given: weakref.WeakKeyDictionary[Any, dict[str, object]] = weakref.WeakKeyDictionary()

    def create(
        original: Any,
        server: Any,
        host: str,
        port: int,
        app: Any,
        handler: Any = None,
        passthrough_errors: bool = False,
        ssl_context: Any = None,
        fd: Any = None,
    ) -> None:
        """The server as it would be, but for a socket that is bound nowhere."""
        # The address goes in afterwards: a socket file there would be removed.
        original(server, "127.0.0.1", 0, app, handler, passthrough_errors)
        server.host, server.port, server.server_address = host, port, (host, port)
        given[server] = {"host": host, "port": port, "ssl_context": ssl_context}

    def serve_forever(original: Any, server: Any, *_: Any, **__: Any) -> None:
        options = given.get(server, {})
        try:
            report(server.app, "make_server().serve_forever()", options)
        finally:
            server.server_close()

    def server_bind(original: Any, server: Any) -> None:
        server.server_name, server.server_port = server.server_address[:2]

    yield from _run_simple(module, report)
    yield Patch(module.BaseWSGIServer, "__init__", create)
    yield Patch(module.BaseWSGIServer, "serve_forever", serve_forever)
    yield Patch(module.BaseWSGIServer, "server_bind", server_bind)
    yield Patch(module.BaseWSGIServer, "server_activate", lambda original, server: None)


def _wsgiref(module: ModuleType, report: _Report) -> Iterator[Patch]:
    # What a library serves with wsgiref is its own affair: Prometheus' client its metrics.
    caught: weakref.WeakSet[Any] = weakref.WeakSet()

    def server_bind(original: Any, server: Any) -> None:
        if not frames.is_called_by_user():
            original(server)
            return
        caught.add(server)
        host, port = server.server_address[:2]
        server.server_name, server.server_port = host or "localhost", port
        server.setup_environ()

    def server_activate(original: Any, server: Any) -> None:
        if server not in caught:
            original(server)

    def serve_forever(original: Any, server: Any, *rest: Any, **options: Any) -> None:
        if server not in caught:
            original(server, *rest, **options)
            return
        host, port = server.server_address[:2]
        # `server.socket = context.wrap_socket(server.socket, server_side=True)`
        context = getattr(server.socket, "context", None)
        given = {"host": host or _EVERY_ADDRESS, "port": port, "ssl_context": context}
        report(server.get_app(), "make_server().serve_forever()", given)

    yield Patch(module.WSGIServer, "server_bind", server_bind)
    yield Patch(module.WSGIServer, "server_activate", server_activate)
    yield Patch(module.WSGIServer, "serve_forever", serve_forever)


def _socketio(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run(
        original: Any, socketio: Any, app: Any, host: Any = None, port: Any = None, **options: Any
    ) -> None:
        options.update(options.pop("reloader_options", None) or {})
        report(app, "socketio.run()", {"host": host, "port": port, **options})

    yield Patch(module.SocketIO, "run", run)


def _waitress(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def serve(original: Any, app: Any, **options: Any) -> None:
        report(app, "waitress.serve()", options)

    yield Patch(module, "serve", serve)
    yield from _waitress_server(module, report)


def _waitress_server(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def create_server(original: Any, application: Any, *_: Any, **options: Any) -> object:
        return _WaitressServer(application, options, report)

    yield Patch(module, "create_server", create_server)


class _WaitressServer:
    """What `waitress.create_server` returns, bound nowhere."""

    def __init__(self, app: Any, options: dict[str, Any], report: _Report) -> None:
        self.application = app
        self.effective_host = options.get("host", _EVERY_ADDRESS)
        self.effective_port = options.get("port", 8080)
        self.effective_listen = [(self.effective_host, self.effective_port)]
        self._options = options
        self._report = report

    def run(self) -> None:
        self._report(self.application, "waitress.create_server().run()", self._options)

    def print_listen(self, format_str: str) -> None:
        """Deliberately not: printed. The banner says where uncork listens."""

    def close(self) -> None:
        """Nothing is open."""


def _bottle(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run(
        original: Any,
        app: Any = None,
        server: Any = "wsgiref",
        host: Any = None,
        port: Any = None,
        **options: Any,
    ) -> None:
        # Read here: a copy of `bottle.py` beside the script would count as the user's own code.
        where = report.place()
        known = {name: options.pop(name, None) for name in ("plugins", "config")}
        if isinstance(server, module.ServerAdapter):
            host, port = host or server.host, port or server.port
        given = {"host": host, "port": port, **options}

        class Adapter(module.ServerAdapter):  # type: ignore[name-defined, misc]  # loaded, untyped
            def run(self, handler: Any) -> None:
                report(handler, "bottle.run()", given, where)

        # Bottle itself makes the app of what it was given; only its server is another one.
        original(app, server=Adapter, quiet=True, **known)

    yield Patch(module, "run", run)


def _gevent(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def serve_forever(original: Any, server: Any, *_: Any, **__: Any) -> None:
        address = getattr(server, "address", None)
        options: dict[str, object] = dict(getattr(server, "ssl_args", None) or {})
        if isinstance(address, tuple):
            options |= {"host": address[0] or _EVERY_ADDRESS, "port": address[1]}
        report(server.application, "WSGIServer().serve_forever()", options)

    yield Patch(module.WSGIServer, "serve_forever", serve_forever)


def _cheroot(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def start(original: Any, server: Any) -> None:
        adapter = getattr(server, "ssl_adapter", None)
        options: dict[str, object] = {
            "certificate": getattr(adapter, "certificate", None),
            "private_key": getattr(adapter, "private_key", None),
        }
        if isinstance(server.bind_addr, str):
            options["unix_socket"] = server.bind_addr
        else:
            host, port = server.bind_addr[:2]
            options |= {"host": host or _EVERY_ADDRESS, "port": port}
        report(server.wsgi_app, "Server().start()", options)

    yield Patch(module.Server, "start", start)


# What these run is an ASGI app, nearly always, and then refused; but it must not be their server
# that runs under the name of uncork.


def _uvicorn(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run(original: Any, app: Any, **options: Any) -> None:
        report(app, "uvicorn.run()", options)

    yield Patch(module, "run", run)


def _uvicorn_server(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run(original: Any, server: Any, *_: Any, **__: Any) -> None:
        config = server.config
        report(config.app, "Server().run()", {"host": config.host, "port": config.port})

    yield Patch(module.Server, "run", run)


def _quart(module: ModuleType, report: _Report) -> Iterator[Patch]:
    def run(original: Any, app: Any, *_: Any, **__: Any) -> None:
        report(app, "app.run()", {})

    yield Patch(module.Quart, "run", run)


RUNNERS: Mapping[str, Runner] = {
    "flask.app": _flask,
    "uncork.running": _uncork,
    "werkzeug": _run_simple,
    "werkzeug.serving": _werkzeug,
    "flask_socketio": _socketio,
    "waitress": _waitress,
    "waitress.server": _waitress_server,
    "wsgiref.simple_server": _wsgiref,
    "bottle": _bottle,
    "gevent.pywsgi": _gevent,
    "cheroot.wsgi": _cheroot,
    "uvicorn": _uvicorn,
    "uvicorn.server": _uvicorn_server,
    "quart.app": _quart,
}
"""By the module whose attributes are replaced, once its import has run."""
