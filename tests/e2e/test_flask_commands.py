"""uncork's commands on Flask's command line: `flask serve` is `uncork serve`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.support.live_server import server_environment, skip_without_native_core
from tests.support.scripts import Script
from uncork.cli import COMMANDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

APP = """
import os, sys
from flask import Flask
with open("imported", "a") as file:
    file.write(f"{os.getpid()}\\n")

def create_app(greeting="hello"):
    app = Flask(__name__)

    @app.get("/")
    def index():
        facts = [greeting, os.environ.get("COLOUR"), os.environ.get("FLASK_DEBUG")]
        return " ".join(map(str, [*facts, os.environ.get("FLASK_RUN_FROM_CLI"), app.debug]))

    return app
"""
SERVE = ("serve", "--bind=127.0.0.1:0", "--workers=1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def flask(
    *arguments: str, folder: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """How `flask ARGUMENTS` ended."""
    skip_without_native_core()
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=folder,
        env=server_environment(env),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_every_command_that_takes_an_app_and_that_flask_has_not_is_there() -> None:
    of_flask = {"routes", "run", "shell"}
    takes_app = {each.name for each in COMMANDS if each.name in ("serve", "dev", *of_flask)}
    plugins = {each.name for each in entry_points(group="flask.commands") if "uncork" in each.value}
    assert plugins == takes_app - of_flask


def test_the_help_lists_it_and_shows_its_flags_without_importing_the_app(folder: Path) -> None:
    done = flask("--help", folder=folder)
    assert "serve   Serve an application in production, with uncork." in done.stdout
    done = flask("--app", "hello", "serve", "--help", folder=folder)
    assert done.returncode == 0
    assert "flask serve [OPTIONS] [APP]" in done.stdout
    assert "--max-body SIZE" in done.stdout
    assert not (folder / "imported").exists()


def test_a_shell_completes_its_flags(folder: Path) -> None:
    env = {
        "_FLASK_COMPLETE": "bash_complete",
        "COMP_WORDS": "flask serve --max-b",
        "COMP_CWORD": "2",
    }
    code = "import sys; from flask.cli import main; sys.argv[0] = 'flask'; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=server_environment(env),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["plain,--max-body"]


def test_the_app_of_flask_is_served_and_imported_by_the_worker_alone(folder: Path) -> None:
    with Script("-m", "flask", "--app", "hello", "--debug", *SERVE, directory=folder) as script:
        assert script.get() == (200, "hello None 1 None True")
        imported = (folder / "imported").read_text().split()
        assert len(imported) == 1
        assert imported != [str(script.pid)]
        assert script.stop() == 0
    assert f"ready as process {script.pid} with 1 worker" in script.log()


def test_flaskenv_names_the_app_and_a_reload_reads_the_files_again(folder: Path) -> None:
    (folder / ".flaskenv").write_text("FLASK_APP=hello:create_app('welcome')\nCOLOUR=red\n")
    with Script("-m", "flask", *SERVE, directory=folder) as script:
        assert script.get()[1].startswith("welcome red ")
        (folder / ".env").write_text("COLOUR=green\n")
        os.kill(script.pid, signal.SIGHUP)
        script.wait_for(lambda: "welcome green" in script.get()[1], "the value had changed")
        assert script.stop() == 0


def test_the_environment_is_stronger_than_the_files(folder: Path) -> None:
    (folder / ".env").write_text("COLOUR=red\n")
    (folder / "own.env").write_text("COLOUR=blue\n")
    arguments = ("-m", "flask", "--app", "hello")
    with Script(*arguments, *SERVE, directory=folder, env={"COLOUR": "red"}) as script:
        assert script.get()[1].startswith("hello red ")
        (folder / ".env").write_text("COLOUR=green\n")
        os.kill(script.pid, signal.SIGHUP)
        script.wait_for_log("generation 2 serves")
        assert script.get()[1].startswith("hello red ")
    with Script(*arguments, "--env-file", "own.env", *SERVE, directory=folder) as script:
        assert script.get()[1].startswith("hello blue ")


def test_a_file_is_run_with_its_arguments(folder: Path) -> None:
    (folder / "script.py").write_text(
        APP + "if __name__ == '__main__':\n    create_app(sys.argv[1]).run()\n"
    )
    arguments = ("-m", "flask", *SERVE, "script.py", "--", "greetings")
    with Script(*arguments, directory=folder) as script:
        assert script.get()[1].startswith("greetings ")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "first"),
    [
        (("--app", "nope", "serve"), 3, "error: could not import `nope`"),
        (("serve", "--nope"), 2, "error: no such flag `--nope`"),
        (("--app", "hello", "serve", "other"), 2, "error: two applications are named"),
    ],
)
def test_errors_are_those_of_uncork(
    folder: Path, arguments: tuple[str, ...], exit_code: int, first: str
) -> None:
    done = flask(*arguments, folder=folder)
    assert done.returncode == exit_code
    lines = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert lines == [first]


def test_a_command_line_of_ones_own_serves_what_its_function_makes(folder: Path) -> None:
    (folder / "manage.py").write_text(
        "from flask.cli import FlaskGroup\nfrom hello import create_app\n"
        "if __name__ == '__main__':\n    FlaskGroup(create_app=create_app)()\n"
    )
    with Script("manage.py", *SERVE, directory=folder) as script:
        assert script.get()[1].startswith("hello ")
    (folder / "manage.py").write_text(
        "from flask.cli import FlaskGroup\nfrom hello import create_app\n"
        "FlaskGroup(create_app=lambda: create_app())()\n"
    )
    with Script("manage.py", *SERVE, directory=folder) as script:
        assert script.wait() == 2
    assert "error: the function that makes the app of this command line can't be named" in (
        script.log()
    )
