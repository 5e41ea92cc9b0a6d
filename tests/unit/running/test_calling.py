"""What one call of `uncork.run` asks for: each argument of `app.run()` and `run_simple()`."""

from __future__ import annotations

import inspect
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import run_simple

import uncork
from tests.unit.running.conftest import named, plain, read
from uncork.errors import AppError, UncorkError, UsageError
from uncork.running import ServerOptions
from uncork.running.values import settings_of, tell_no_effect


def bind(app: Any = plain, **given: Any) -> str:
    return settings_of(read(app, **given)).bind[0].text


def test_it_takes_every_argument_that_flask_and_werkzeug_take() -> None:
    own = inspect.signature(uncork.run).parameters
    flask = inspect.signature(Flask.run).parameters
    for name in flask:
        if name not in ("self", "options"):
            assert own[name].default == flask[name].default
    assert list(own)[1:5] == list(flask)[1:5]
    theirs = set(inspect.signature(run_simple).parameters) - {"hostname", "port", "application"}
    assert set(ServerOptions.__annotations__) == theirs


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        (None, {}, "127.0.0.1:5000"),
        (None, {"host": None, "port": None}, "127.0.0.1:5000"),
        (None, {"host": "0.0.0.0"}, "0.0.0.0:5000"),
        (None, {"port": 0}, "127.0.0.1:0"),
        (None, {"port": "8080"}, "127.0.0.1:8080"),
        (None, {"host": "::1", "port": 1}, "[::1]:1"),
        (None, {"host": "unix:///tmp/a.sock"}, "unix:/tmp/a.sock"),
        ("example.com:8080", {}, "example.com:8080"),
        ("example.com", {}, "example.com:5000"),
        (":8080", {}, "127.0.0.1:8080"),
        ("example.com:8080", {"host": "0.0.0.0"}, "0.0.0.0:8080"),
        ("example.com:8080", {"port": 80}, "example.com:80"),
    ],
)
def test_the_address_is_found_as_flask_finds_it(
    name: str | None, given: dict[str, Any], expected: str
) -> None:
    assert bind(named(name), **given) == expected


def test_what_is_set_comes_between_the_call_and_the_server_name() -> None:
    os.environ["PORT"] = "8080"
    app = named("example.com:9000")
    assert bind(app) == "0.0.0.0:8080"
    assert bind(app, port=80) == "0.0.0.0:80"
    assert bind(app, host="127.0.0.1") == "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("debug", "variable", "of_app", "expected"),
    [
        (None, None, False, False),
        (None, None, True, True),
        (None, "1", False, True),
        (None, "0", True, False),
        (None, "False", True, False),
        (True, "0", False, True),
        (False, "1", True, False),
    ],
)
def test_debug_is_found_as_flask_finds_it(
    debug: bool | None, variable: str | None, of_app: bool, expected: bool
) -> None:
    if variable is not None:
        os.environ["FLASK_DEBUG"] = variable
    app = Flask("x")
    app.debug = of_app
    call = read(app, debug=debug)
    assert (call.debug, app.debug) == (expected, expected)
    assert (call.uses_reloader, call.uses_debugger) == (expected, expected)


def test_debug_reaches_an_app_inside_a_middleware_and_needs_none() -> None:
    app = Flask("x")
    read(ProxyFix(app), debug=True)
    assert app.debug
    assert read(plain, debug=True).uses_reloader


def test_reloader_and_debugger_can_be_had_apart() -> None:
    call = read(debug=True, use_reloader=False)
    assert (call.uses_reloader, call.uses_debugger) == (False, True)
    call = read(use_reloader=True, use_debugger=None)
    assert (call.uses_reloader, call.uses_debugger) == (True, False)


def test_the_dotenv_files_are_read_unless_that_is_not_wanted(folder: Path) -> None:
    (folder / ".flaskenv").write_text("FLASK_DEBUG=1\nCOLOUR=red\n")
    assert not read(load_dotenv=False).debug
    assert "COLOUR" not in os.environ
    assert read().debug
    assert os.environ["COLOUR"] == "red"


def test_options_are_read_as_werkzeug_has_them() -> None:
    call = read(
        use_evalex=False,
        extra_files=["a.txt", Path("b.txt")],
        exclude_patterns="*/generated/*",
        static_files=[("/files", "files")],
        passthrough_errors=True,
        threaded=False,
    )
    assert not call.uses_evalex
    assert call.extra_files == ("a.txt", "b.txt")
    assert call.exclude_patterns == ("*/generated/*",)
    assert call.static_files == {"/files": "files"}
    assert call.passes_errors
    assert settings_of(call).threads == 1
    assert settings_of(read(threaded=True)).threads > 1


def test_certificates(folder: Path) -> None:
    assert settings_of(read(ssl_context="adhoc")).cert == "adhoc"
    settings = settings_of(read(ssl_context=("cert.pem", "key.pem")))
    assert (settings.cert, settings.key) == ("cert.pem", "key.pem")
    settings = settings_of(read(ssl_context=(folder / "both.pem",)))
    assert settings.cert == settings.key == str(folder / "both.pem")


def test_a_context_is_told_what_to_write_instead_and_left_to_the_reloader() -> None:
    call = read(ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    assert call.has_opaque_tls
    with pytest.raises(AppError, match="can't be read from its `ssl_context`") as caught:
        settings_of(call)
    assert 'ssl_context=("cert.pem", "key.pem")' in caught.value.hints[0]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"processes": 4}, "`uncork serve` has several"),
        ({"request_handler": dict}, "class of Werkzeug's server"),
        ({"reloader_interval": 3}, "noticed when they happen"),
        ({"reloader_type": "stat"}, "the operating system tells"),
    ],
)
def test_what_makes_no_sense_any_more_says_so_in_one_line(
    given: dict[str, Any], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_no_effect(read(**given))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"note: `{next(iter(given))}` has no effect in `uncork.run()` at")
    assert reason in line


@pytest.mark.parametrize("given", [{"processes": 1}, {"reloader_type": "auto"}, {"threaded": True}])
def test_what_asks_for_nothing_is_not_mentioned(
    given: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tell_no_effect(read(**given))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("app", "given", "kind", "what"),
    [
        (plain, {"use_relaoder": True}, UsageError, "takes no `use_relaoder`"),
        ("hello:app", {}, AppError, "was given no app"),
        (None, {}, AppError, "was given no app"),
        (plain, {"port": "http"}, AppError, "is not a number"),
        (plain, {"port": 70000}, AppError, "can't be listened on"),
    ],
)
def test_what_cannot_be_used_is_refused(
    app: Any, given: dict[str, Any], kind: type[UncorkError], what: str
) -> None:
    with pytest.raises(kind, match=what) as caught:
        settings_of(read(app, **given))
    assert "hello.py:9" in caught.value.what
    if kind is UsageError:
        assert caught.value.hints == ("did you mean `use_reloader`?",)


def test_an_asgi_app_is_refused() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(AppError, match="ASGI"):
        read(app)
