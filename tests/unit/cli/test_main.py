import subprocess
import sys

import pytest

from uncork import __main__, cli
from uncork.errors import AppError, EnvironmentProblem, InternalError, UsageError

HEAVY = ("flask", "werkzeug", "uncork._native", "uncork.app_locator", "uncork.supervisor", "dotenv")


def modules_loaded_by(*arguments):
    code = (
        "import sys; from uncork import cli; code = cli.main(sys.argv[1:]);"
        "print('\\n'.join(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return ended.stderr.split("\n")


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["routes", "--help"]])
def test_help_loads_no_framework_and_no_native_module(arguments):
    loaded = modules_loaded_by(*arguments)
    assert "uncork.cli" in loaded
    assert not set(HEAVY) & set(loaded)


def test_the_help_of_the_group_loads_no_command():
    loaded = modules_loaded_by("--help")
    assert not [name for name in loaded if name.startswith(("uncork.cli.serve", "uncork.settings"))]


def test_the_module_can_be_run():
    ended = subprocess.run(
        [sys.executable, "-m", "uncork", "zzz"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: no such command `zzz`\n")


def test_the_way_in_passes_the_arguments_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["uncork", "zzz"])
    assert __main__.main() == 2
    assert "`zzz`" in capsys.readouterr().err


@pytest.mark.parametrize("lazy", cli.COMMANDS, ids=lambda lazy: lazy.name)
def test_the_summary_of_a_command_is_the_first_sentence_of_its_help(lazy):
    group = cli.command_group()
    command = group.get_command(None, lazy.name)
    assert command.name == lazy.name
    assert command.help.split("\n")[0] == lazy.summary + "."


def test_the_version_is_told(run):
    ended = run("--version")
    assert ended.code == 0
    assert ended.out.startswith("uncork ")


def test_without_a_command_the_help_goes_to_stderr(run):
    ended = run()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == run("--help").out


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (InternalError("x"), 1),
        (UsageError("x"), 2),
        (AppError("x"), 3),
        (EnvironmentProblem("x"), 4),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(run, supervisor, failure, code):
    supervisor.failure = failure
    ended = run("serve")
    assert (ended.code, ended.out, ended.err) == (code, "", "error: x\n")


def test_ctrl_c_ends_quietly(run, supervisor):
    supervisor.failure = KeyboardInterrupt()
    assert run("serve") == type(run("--version"))(130, "", "")


def test_the_exit_of_an_application_passes_through(run, supervisor):
    supervisor.failure = SystemExit(7)
    with pytest.raises(SystemExit) as caught:
        run("serve")
    assert caught.value.code == 7


@pytest.mark.parametrize("failure", [ZeroDivisionError("oh"), EOFError(), OSError(32, "gone")])
def test_anything_else_is_our_fault_and_shows_no_traceback(run, supervisor, failure):
    supervisor.failure = failure
    ended = run("serve")
    assert ended.code == 1
    assert ended.err.startswith(f"error: uncork failed: {type(failure).__name__}")
    assert "please report it" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("arguments", [["--debug", "serve"], ["serve", "--debug"]])
@pytest.mark.parametrize("failure", [ZeroDivisionError("oh"), InternalError("oh")])
def test_debug_shows_our_traceback(run, supervisor, arguments, failure):
    supervisor.failure = failure
    ended = run(*arguments)
    assert ended.code == 1
    assert "Traceback (most recent call last):" in ended.err


def test_debug_shows_no_traceback_of_a_mistake(run):
    assert "Traceback" not in run("--debug", "serve", "--threads", "0").err
