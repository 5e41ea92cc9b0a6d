"""Every run call of the table, in a script and in a module: no server of theirs ever starts."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.certificates import make_certificate
from tests.unit.app_locator.conftest import Project
from uncork.app_locator import LocatedApp, RunOptions
from uncork.errors import AppError

WSGI = """
def hello(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""
BOTTLE = "import bottle\nsite = bottle.Bottle()\n"
FLASK = "from flask import Flask\nsite = Flask('x')\n"
WSGIREF = "from wsgiref.simple_server import make_server, WSGIServer, WSGIRequestHandler\n" + WSGI

RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "app.run": (FLASK + "site.run('::1', 5001)", {"host": "::1", "port": 5001}),
    "app.run without options": (FLASK + "site.run()", {}),
    "run_simple": (
        "from werkzeug.serving import run_simple" + WSGI
        + "run_simple('0.0.0.0', 5001, hello, use_reloader=True)",
        {"host": "0.0.0.0", "port": 5001, "ignored": ("use_reloader",)},
    ),
    "run_simple from werkzeug": (
        "from werkzeug import run_simple" + WSGI + "run_simple('unix:///tmp/a', 0, hello)",
        {"unix_socket": "/tmp/a"},
    ),
    "werkzeug's make_server": (
        "from werkzeug.serving import make_server" + WSGI
        + "server = make_server('localhost', 5001, hello, threaded=True)\n"
        "assert (server.host, server.port) == ('localhost', 5001)\nserver.serve_forever()",
        {"host": "localhost", "port": 5001},
    ),
    "werkzeug's make_server with processes": (
        "from werkzeug.serving import make_server" + WSGI
        + "make_server('localhost', 5001, hello, processes=3).serve_forever()",
        {"host": "localhost", "port": 5001},
    ),
    "socketio.run": (
        "from flask_socketio import SocketIO\n" + FLASK
        + "SocketIO(site, async_mode='threading').run(site, port=5001, debug=True)",
        {"port": 5001, "ignored": ("debug",)},
    ),
    "uncork.run": (
        "import uncork\n" + FLASK + "uncork.run(site, '::1', 5001, use_debugger=True)",
        {"host": "::1", "port": 5001, "ignored": ("use_debugger",)},
    ),
    "run from uncork": (
        "from uncork import run" + WSGI + "run(hello, 'unix:///tmp/a', threaded=False)",
        {"unix_socket": "/tmp/a", "threads": 1},
    ),
    "waitress.serve": (
        "import waitress" + WSGI + "waitress.serve(hello, listen='*:8080', threads=6)",
        {"host": "0.0.0.0", "port": 8080, "threads": 6},
    ),
    "serve from waitress": (
        "from waitress import serve" + WSGI + "serve(hello, unix_socket='/tmp/a')",
        {"unix_socket": "/tmp/a"},
    ),
    "waitress.create_server": (
        "from waitress import create_server" + WSGI
        + "server = create_server(hello, port=8080)\nserver.print_listen('{}:{}')\nserver.run()",
        {"port": 8080},
    ),
    "waitress.server.create_server": (
        "from waitress.server import create_server" + WSGI
        + "create_server(hello, host='::1').run()",
        {"host": "::1"},
    ),
    "wsgiref's make_server": (
        WSGIREF + "with make_server('', 8000, hello) as server:\n"
        "    assert server.server_port == 8000\n    server.serve_forever()",
        {"host": "0.0.0.0", "port": 8000},
    ),
    "wsgiref's WSGIServer": (
        WSGIREF + "server = WSGIServer(('localhost', 8000), WSGIRequestHandler)\n"
        "server.set_app(hello)\nserver.serve_forever(poll_interval=1)\nserver.server_close()",
        {"host": "localhost", "port": 8000},
    ),
    "a subclass of wsgiref's": (
        WSGIREF + "import socketserver\n"
        "class Threading(socketserver.ThreadingMixIn, WSGIServer): pass\n"
        "with make_server('localhost', 8000, hello, server_class=Threading) as server:\n"
        "    server.serve_forever()",
        {"host": "localhost", "port": 8000},
    ),
    "bottle.run": (
        BOTTLE + "bottle.run(site, host='localhost', port=8080, reloader=True, quiet=False)",
        {"host": "localhost", "port": 8080, "ignored": ("reloader",)},
    ),
    "bottle.run of the default app": (
        "from bottle import route, run\n@route('/')\ndef index(): ...\nrun(server='waitress')",
        {},
    ),
    "Bottle.run": (
        BOTTLE + "site.run(port=8080, debug=True)",
        {"port": 8080, "ignored": ("debug",)},
    ),
    "bottle.run with an adapter": (
        BOTTLE + "bottle.run(site, server=bottle.WSGIRefServer(host='::1', port=8080))",
        {"host": "::1", "port": 8080},
    ),
}  # fmt: skip


@pytest.fixture
def nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("a server of the script's own was started")

    monkeypatch.setattr(socket.socket, "listen", refuse)


def given(options: RunOptions) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(options).items()
        if name not in ("runner", "where", "debugging")
        and not (value is None or value is False or value == ())
    }


@pytest.mark.usefixtures("nothing_listens")
@pytest.mark.parametrize("name", RUNS)
def test_a_script_is_served_at_its_run_call(project: Project, name: str) -> None:
    text, options = RUNS[name]
    project.write("hello.py", text + "\n")
    located = project.locate("hello.py", load_as="script")
    assert callable(located.app)
    assert located.run_options is not None
    assert given(located.run_options) == options
    assert located.run_options.where.startswith("hello.py:")


@pytest.mark.usefixtures("nothing_listens")
@pytest.mark.parametrize("name", RUNS)
def test_a_module_passes_its_run_call_over(project: Project, name: str) -> None:
    project.write("hello.py", RUNS[name][0] + "\nfrom flask import Flask\napp = Flask('x')\n")
    located = project.locate("hello:app")
    assert len(located.warnings) == 1
    assert "was passed over: the module is imported" in located.warnings[0]
    assert "`hello.py:" in located.warnings[0]


@pytest.mark.parametrize(
    "run",
    [
        "from werkzeug.serving import run_simple\n"
        "run_simple('localhost', 1, hello, static_files={'/files': 'files'})\n",
        "import uncork\nuncork.run(hello, static_files={'/files': 'files'})\n",
    ],
    ids=["run_simple", "uncork.run"],
)
def test_static_files_are_kept(project: Project, run: str) -> None:
    project.write("files/a.txt", "text")
    project.write("hello.py", WSGI + run)
    from werkzeug.test import Client

    bodies: list[str] = []

    def use(located: LocatedApp) -> None:
        client = Client(located.app)
        with client.get("/files/a.txt") as answer:
            bodies.append(answer.text.strip())
        bodies.append(client.get("/").text)

    project.locate("hello.py", load_as="script", use=use)
    assert bodies == ["text", "hello"]


def test_plugins_of_bottle_are_installed(project: Project) -> None:
    project.write(
        "hello.py",
        BOTTLE
        + """
@site.route("/")
def index(): return "plain"
def shout(callback):
    return lambda *a, **k: callback(*a, **k).upper()
site.run(plugins=[shout])
""",
    )
    bodies: list[bytes] = []

    def use(located: LocatedApp) -> None:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
        bodies.extend(located.app(environ, lambda *_: lambda _: None))  # type: ignore[arg-type]

    project.locate("hello.py", use=use)
    assert bodies == [b"PLAIN"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "gevent.pywsgi",
            "from gevent.pywsgi import WSGIServer\n"
            "WSGIServer(('', 5001), hello, certfile='c', keyfile='k').serve_forever()\n",
        ),
        (
            "cheroot.wsgi",
            "from cheroot.wsgi import Server\nServer(('', 5001), hello, 'c', 'k').start()\n",
        ),
    ],
)
def test_servers_that_need_not_be_installed(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    """Fakes with the attributes that gevent 24 and cheroot 10 have."""
    project.write(
        "gevent/pywsgi.py",
        """
        class WSGIServer:
            def __init__(self, listener, application, **ssl_args):
                self.address, self.application, self.ssl_args = listener, application, ssl_args
            def serve_forever(self): raise SystemError
        """,
    )
    project.write(
        "cheroot/wsgi.py",
        """
        class Adapter:
            def __init__(self, certificate, private_key):
                self.certificate, self.private_key = certificate, private_key
        class Server:
            def __init__(self, bind_addr, wsgi_app, certificate, key):
                self.bind_addr, self.wsgi_app = bind_addr, wsgi_app
                self.ssl_adapter = Adapter(certificate, key)
            def start(self): raise SystemError
        """,
    )
    project.write("hello.py", WSGI + text)
    options = project.locate("hello.py", load_as="script").run_options
    assert options is not None
    assert (options.host, options.port) == ("0.0.0.0", 5001)
    assert (str(options.certificate), str(options.key)) == ("c", "k")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificate(folder, "cert")
    return folder


def test_a_server_that_a_library_starts_for_itself_is_left_alone(project: Project) -> None:
    """As `prometheus_client.start_http_server` does, with wsgiref in a thread."""
    project.write(
        "site-packages/metrics.py",
        WSGIREF
        + """
import threading
def start():
    server = make_server("127.0.0.1", 0, hello)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    def stop():
        server.shutdown()
        thread.join()
        server.server_close()
    return server.server_port, stop
""",
    )
    project.write(
        "hello.py",
        "import sys\nsys.path.append('site-packages')\nimport metrics\n"
        + "port, stop = metrics.start()\n"
        + FLASK
        + "site.config['PORT'] = port\nsite.run()\nstop()\n",
    )
    bodies: list[bytes] = []

    def use(located: LocatedApp) -> None:
        port = located.app.config["PORT"]  # type: ignore[attr-defined]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        bodies.append(connection.getresponse().read())
        connection.close()

    project.locate("hello.py", use=use)
    assert bodies == [b"hello"]


class TestCertificates:
    @pytest.mark.parametrize(
        "run",
        [
            FLASK + "site.run(ssl_context=context)",
            WSGIREF + "server = make_server('localhost', 1, hello)\n"
            "server.socket = context.wrap_socket(server.socket, server_side=True)\n"
            "server.serve_forever()\nserver.server_close()",
            "from werkzeug.serving import make_server" + WSGI
            + "make_server('localhost', 1, hello, ssl_context=context).serve_forever()",
        ],
        ids=["Flask", "wsgiref", "Werkzeug"],
    )  # fmt: skip
    def test_the_files_of_a_context_are_remembered(
        self, project: Project, files: Path, run: str
    ) -> None:
        context = (
            "import ssl\ncontext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
            f"context.load_cert_chain({str(files / 'cert.pem')!r}, {str(files / 'cert.key')!r})\n"
        )
        project.write("hello.py", context + run + "\n")
        options = project.locate("hello.py", load_as="script").run_options
        assert options is not None
        assert (options.certificate, options.key) == (files / "cert.pem", files / "cert.key")

    def test_a_context_from_elsewhere_is_refused(self, project: Project) -> None:
        sys.modules["known"] = known = ModuleType("known")
        known.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # type: ignore[attr-defined]
        project.write("hello.py", FLASK + "import known\nsite.run(ssl_context=known.context)\n")
        with pytest.raises(AppError, match="could not be taken over"):
            project.locate("hello.py")

    def test_it_does_not_matter_when_the_settings_name_a_certificate(
        self, project: Project
    ) -> None:
        project.write(
            "hello.py",
            FLASK + "import ssl\nsite.run(ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))\n",
        )
        options = project.locate("hello.py", has_certificate=True).run_options
        assert options is not None
        assert (options.certificate, options.ignored) == (None, ())

    def test_what_an_import_leaves_unrun_is_read_all_the_same(self, project: Project) -> None:
        project.write(
            "hello.py",
            "from flask import Flask\napp = Flask('x')\nif __name__ == '__main__':\n"
            "    app.run(port=5001, ssl_context=('c', 'k'))\n",
        )
        options = project.locate("hello.py").run_options
        assert options is not None
        assert (options.port, str(options.certificate)) == (5001, "c")
        sys.modules.pop("hello")
        options = project.locate("hello.py", has_certificate=True).run_options
        assert options is not None
        assert (options.port, options.certificate) == (5001, None)


def test_everything_is_put_back(project: Project) -> None:
    from wsgiref import simple_server

    import bottle
    import flask
    import waitress
    import werkzeug.serving

    def patched() -> list[Any]:
        server, base = simple_server.WSGIServer, werkzeug.serving.BaseWSGIServer
        return [
            flask.Flask.run, werkzeug.run_simple, werkzeug.serving.run_simple,
            base.__init__, base.serve_forever, base.server_bind, base.server_activate,
            server.serve_forever, server.server_bind, server.server_activate,
            waitress.serve, waitress.create_server, waitress.server.create_server,
            bottle.run, ssl.SSLContext.load_cert_chain, threading.Thread.start,
            threading.Thread.join, list(sys.meta_path), "serve_forever" in vars(server),
        ]  # fmt: skip

    before = patched()
    seen: list[list[Any]] = []
    project.write("hello.py", FLASK + "site.run()\n")
    project.locate("hello.py", use=lambda _: seen.append(patched()))
    assert patched() == before
    assert all(during != was for during, was in zip(seen[0], before, strict=True))


@pytest.mark.slow
def test_nothing_is_imported_for_the_patches() -> None:
    text = (
        "import sys\nfrom uncork.app_locator import patching, runners, takeover\n"
        "with patching.patched(runners.patchers(takeover.PassOver())): pass\n"
        "print([n for n in ('flask', 'werkzeug', 'bottle', 'waitress') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_a_library_that_the_script_loads_is_patched_right_after_its_import(tmp_path: Path) -> None:
    """In a fresh process, where nothing of the table is loaded yet."""
    (tmp_path / "hello.py").write_text(FLASK + "site.run(port=5001)\n")
    text = (
        "from uncork.app_locator import AppSpec, with_app\n"
        "with_app(AppSpec('hello.py', ''), lambda found: print(found.run_options.port))\n"
        "import flask, werkzeug\n"
        "print(hasattr(flask.Flask.run, '_uncork_original'), flask.__spec__.loader.exec_module)\n"
        "print(hasattr(werkzeug.run_simple, '_uncork_original'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "5001"
    assert lines[1].startswith("False <bound method _LoaderBasics.exec_module")
    assert lines[2] == "False"


ASGI_RUNS = {
    "uvicorn.run": ("uvicorn.py", "def run(app, **options): 1 / 0", "uvicorn.run(site, port=1)"),
    "uvicorn.run of a name": ("uvicorn.py", "def run(app): 1 / 0", "uvicorn.run('hello:site')"),
    "uvicorn.Server.run": (
        "uvicorn/server.py",
        "class Server:\n    config = type('', (), {'host': None, 'port': 1})\n"
        "    def run(self): 1 / 0",
        "import uvicorn.server\nserver = uvicorn.server.Server()\n"
        "server.config.app = site\nserver.run()",
    ),
    "Quart.run": (
        "quart/app.py",
        "class Quart:\n    async def __call__(self, scope, receive, send): ...\n"
        "    def run(self): 1 / 0",
        "import quart.app\nquart.app.Quart().run()",
    ),
}


@pytest.mark.parametrize("name", ASGI_RUNS)
def test_a_script_that_runs_an_asgi_app_is_refused_and_its_server_never_starts(
    project: Project, name: str
) -> None:
    # Stand-ins: the servers themselves are no dependency, and would start at once.
    library, source, call = ASGI_RUNS[name]
    if "/" in library:
        project.write(library.replace(Path(library).name, "__init__.py"), "")
    project.write(library, source)
    imports = "" if call.startswith("import ") else "import uvicorn\n"
    site = "async def site(scope, receive, send): ...\n"
    project.write("hello.py", f"{imports}{site}{call}\n")
    with pytest.raises(AppError, match="runs an ASGI app") as caught:
        project.locate("hello.py", load_as="script")
    assert caught.value.cause == "uncork serves WSGI apps"
