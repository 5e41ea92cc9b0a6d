import io
import sys

import flask
import pytest
from flask.cli import FlaskGroup
from werkzeug.middleware.proxy_fix import ProxyFix


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def shell(run, locator, monkeypatch):
    """Runs `uncork shell` with an app and a script on stdin."""

    def run_shell(app, script, *, stdin_type=io.StringIO, **environ):
        locator.app = app
        monkeypatch.setattr(sys, "stdin", stdin_type(script))
        return run("shell", **environ)

    return run_shell


def flask_app():
    app = flask.Flask("hello")
    app.config["COLOUR"] = "red"
    app.shell_context_processor(lambda: {"answer": 42})
    return app


def test_a_script_is_run_and_only_its_output_is_on_stdout(shell):
    ended = shell(flask_app(), "print(app.config['COLOUR'])\nfor n in range(2):\n    print(n)\n\n")
    assert (ended.code, ended.out, ended.err.strip()) == (0, "red\n0\n1\n", "")


def test_the_value_of_an_expression_is_printed_as_when_typed(shell):
    assert shell(flask_app(), "1 + 1\n").out == "2\n"


def test_with_flask_the_shell_context_is_there_and_an_app_context_is_pushed(shell):
    script = "from flask import current_app\nprint(answer, current_app.name, g.get('x'))\n"
    assert shell(flask_app(), script).out == "42 hello None\n"


@pytest.mark.parametrize("wrap", [ProxyFix, lambda app: ProxyFix(app.wsgi_app)])
def test_flask_is_found_inside_middleware(shell, wrap):
    assert shell(wrap(flask_app()), "print(answer)\n").out == "42\n"


def test_any_other_app_is_there_as_app(shell):
    def plain_app(environ, start_response):
        return []

    assert shell(plain_app, "print(app.__name__)\n").out == "plain_app\n"


def test_an_error_is_shown_and_the_rest_goes_on(shell):
    ended = shell(flask_app(), "1 / 0\nprint('after')\n")
    assert ended.out == "after\n"
    assert "ZeroDivisionError" in ended.err
    assert ended.code == 0


def test_exit_ends_with_its_code(shell):
    with pytest.raises(SystemExit) as caught:
        shell(flask_app(), "import sys\nsys.exit(3)\n")
    assert caught.value.code == 3


def test_prompts_are_left_as_they_were(shell, monkeypatch):
    monkeypatch.setattr(sys, "ps1", "mine> ", raising=False)
    monkeypatch.delattr(sys, "ps2", raising=False)
    shell(flask_app(), "1\n")
    assert sys.ps1 == "mine> "
    assert not hasattr(sys, "ps2")


def test_the_startup_file_is_run_first(shell, tmp_path):
    startup = tmp_path / "startup.py"
    startup.write_text("before = 'known'\n")
    ended = shell(flask_app(), "print(before)\n", PYTHONSTARTUP=str(startup))
    assert ended.out == "known\n"


def test_a_startup_file_that_is_missing_is_passed_over(shell):
    assert shell(flask_app(), "print(1)\n", PYTHONSTARTUP="/nowhere.py").out == "1\n"


def test_at_a_terminal_the_banner_is_the_one_of_flask(shell, monkeypatch):
    monkeypatch.setattr(sys, "__interactivehook__", lambda: None, raising=False)
    app = flask_app()
    ended = shell(app, "", stdin_type=Terminal)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    group = FlaskGroup(create_app=lambda: app, load_dotenv=False)
    theirs = app.test_cli_runner().invoke(group, ["shell"]).output
    assert ended.err.split("\n")[:3] == theirs.split("\n")[:3]


def test_at_a_terminal_another_app_is_named(shell, monkeypatch):
    monkeypatch.setattr(sys, "__interactivehook__", lambda: None, raising=False)
    ended = shell(lambda environ, start_response: [], "", stdin_type=Terminal)
    assert "\nApp: hello:app, as `app`\n" in ended.err


def test_at_a_terminal_completion_knows_the_names_of_the_shell(shell, monkeypatch):
    import readline

    called = []
    monkeypatch.setattr(sys, "__interactivehook__", lambda: called.append(1), raising=False)
    before = readline.get_completer()
    try:
        shell(flask_app(), "", stdin_type=Terminal)
        assert readline.get_completer()("answ", 0) == "answer"
    finally:
        readline.set_completer(before)
    assert called == [1]
