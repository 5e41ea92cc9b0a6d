"""The command line of `uncork dev` that a call of `uncork.run` with the reloader becomes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.running.conftest import named, plain, read
from uncork.running.anew import command_for, environ_for
from uncork.settings.process_start import ProcessStart

HELLO = ProcessStart((), "file", "hello.py")


def command(app: Any = plain, start: ProcessStart = HELLO, **given: Any) -> str:
    words = command_for(read(app, use_reloader=True, **given), start)
    assert words[0] == sys.executable
    return " ".join(words[1:])


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({}, "--reload --no-debugger"),
        ({"debug": True}, "--reload --debugger"),
        ({"port": 0}, "--port 0 --reload --no-debugger"),
        ({"extra_files": ["a", "b"]}, "--reload --no-debugger --extra-files a:b"),
        ({"exclude_patterns": ["*/x/*"]}, "--reload --no-debugger --exclude-patterns */x/*"),
        ({"threaded": False}, "--reload --no-debugger --without-threads"),
        ({"ssl_context": "adhoc"}, "--reload --no-debugger --cert adhoc"),
        ({"ssl_context": ("c", "k")}, "--reload --no-debugger --cert c --key k"),
    ],
)
def test_what_is_given_becomes_flags(given: dict[str, Any], flags: str) -> None:
    expected = f"-m uncork dev hello.py --as script --host 127.0.0.1 {flags}"
    assert command(**given) == expected


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({"host": "0.0.0.0", "port": 80}, "--host 0.0.0.0 --port 80"),
        ({"host": "unix:///tmp/a"}, "--host unix:///tmp/a"),
    ],
)
def test_the_address_is_the_one_of_the_call(given: dict[str, Any], flags: str) -> None:
    assert f" {flags} --reload --no-debugger" in command(**given)


def test_a_server_name_is_an_address_unless_another_one_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = named("example.com:8080")
    assert "--host example.com --port 8080" in command(app)
    for name, value in (("UNCORK_DEV_HOST", "0.0.0.0"), ("UNCORK_DEV_PORT", "1")):
        monkeypatch.setenv(name, value)
    assert "--host" not in command(app)
    assert "--port" not in command(app)
    monkeypatch.delenv("UNCORK_DEV_HOST")
    monkeypatch.setenv("PORT", "5001")
    monkeypatch.delenv("UNCORK_DEV_PORT")
    assert "--host" not in command(app)  # which is every one, where a platform says the port


def test_flags_of_the_interpreter_modules_and_arguments_are_kept() -> None:
    start = ProcessStart(("-X", "dev"), "module", "shop.main", ("--name", "bob"))
    expected = (
        "-X dev -m uncork dev shop.main --as script --host 127.0.0.1 --reload --no-debugger"
        " -- --name bob"
    )
    assert command(start=start) == expected


def test_a_folder_that_is_run_is_the_file_in_it(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop/__main__.py").touch()
    assert "dev shop/__main__.py" in command(start=ProcessStart((), "file", "shop"))
    assert "dev shop " in command(start=ProcessStart((), "module", "shop"))


def test_debug_and_dotenv_files_are_said_in_the_environment() -> None:
    environ = environ_for(read(debug=True))
    assert environ["FLASK_DEBUG"] == "1"
    assert "FLASK_SKIP_DOTENV" not in environ
    environ = environ_for(read(use_reloader=True, load_dotenv=False))
    assert (environ["FLASK_DEBUG"], environ["FLASK_SKIP_DOTENV"]) == ("0", "1")
