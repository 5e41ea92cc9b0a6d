"""The development servers that are asked, each as its users start it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.install import WATCHDOG, WATCHDOG_6
from benchmarks.servers.server import SUITE_BIN

UNCORK = "uncork"


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Args:
        key: The name on the command line and in results.
        title: The name in the table.
        command: Makes the command from a port.
        variables: What is set for it beside.
        reads_dotenv: Whether it loads `.env` at all.
    """

    key: str
    title: str
    command: Callable[[int], list[str]]
    variables: Mapping[str, str] = field(default_factory=dict)
    reads_dotenv: bool = True


def columns(executable: Path) -> list[Column]:
    """uncork, by its command, and its peers."""

    def suite(name: str) -> str:
        return str(SUITE_BIN / name)

    def flask_run(port: int) -> list[str]:
        return [suite("flask"), "--app", "hello", "run", "--debug", "--port", str(port)]

    def app_run(port: int) -> list[str]:
        return [suite("python"), "hello.py", str(port)]

    def gunicorn(port: int) -> list[str]:
        return [suite("gunicorn"), "--reload", "--bind", f"127.0.0.1:{port}", "hello:app"]

    def granian(port: int) -> list[str]:
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return [suite("granian"), "--interface", "wsgi", "--reload", *where, "hello:app"]

    def uncork(port: int) -> list[str]:
        return [str(executable), "dev", "hello:app", "--port", str(port)]

    newest, before = {"PYTHONPATH": str(WATCHDOG)}, {"PYTHONPATH": str(WATCHDOG_6)}
    return [
        Column(UNCORK, "`uncork dev`", uncork),
        Column("flask-stat", "`flask run --debug`", flask_run),
        Column("flask-watchdog-6", "… with watchdog 6", flask_run, before),
        Column("flask-watchdog", "… with watchdog 7", flask_run, newest),
        Column("app-run", "`app.run(debug=True)`", app_run),
        Column("gunicorn", "`gunicorn --reload`", gunicorn, reads_dotenv=False),
        Column("granian", "`granian --reload`", granian, reads_dotenv=False),
    ]
