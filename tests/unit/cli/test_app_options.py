import pytest

from uncork.errors import AppError, EnvironmentProblem

ALL = {
    "UNCORK_APP": "uncork-app",
    "FLASK_APP": "flask-app",
    "files": {"uncork.toml": 'app = "file-app"'},
}


def without(*names):
    return {name: value for name, value in ALL.items() if name not in names}


@pytest.mark.parametrize(
    ("arguments", "surroundings", "text", "source"),
    [
        (["arg"], ALL, "arg", "the argument"),
        (["--app", "flag"], ALL, "flag", "`--app`"),
        (["-A", "flag"], ALL, "flag", "`--app`"),
        (["arg", "--app", "arg"], ALL, "arg", "the argument"),
        ([], ALL, "uncork-app", "`UNCORK_APP`"),
        ([], without("UNCORK_APP"), "flask-app", "`FLASK_APP`"),
        ([], without("UNCORK_APP", "FLASK_APP"), "file-app", "`uncork.toml:1`"),
        ([], {"files": {".flaskenv": "FLASK_APP=a.py"}}, "a.py", "`FLASK_APP` in .flaskenv:1"),
        ([], {}, None, "default"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "routes", "shell"])
def test_the_strongest_name_of_the_app_wins_in_every_command(
    run, locator, supervisor, command, arguments, surroundings, text, source
):
    run(command, *arguments, **surroundings)
    spec = supervisor.served[0][1] if command == "serve" else locator.spec
    assert (spec.text, spec.source, spec.is_factory_call) == (text, source, False)


@pytest.mark.parametrize(
    ("arguments", "surroundings", "text", "is_factory_call"),
    [
        (["--call", "a:make"], ALL, "a:make", True),
        (["--call", "a:make"], {"UNCORK_CALL": "b:make"}, "a:make", True),
        ([], {"UNCORK_CALL": "a:make", "FLASK_APP": "b"}, "a:make", True),
        ([], {"FLASK_APP": "b", "files": {"uncork.toml": "call = 'a:make'"}}, "b", False),
        (["arg"], {"UNCORK_CALL": "a:make"}, "arg", False),
        (["arg"], {"files": {"uncork.toml": "call = 'a:make'"}}, "arg", False),
    ],
)
def test_a_factory_to_call_is_one_more_way_to_name_the_app(
    run, locator, arguments, surroundings, text, is_factory_call
):
    run("routes", *arguments, **surroundings)
    assert (locator.spec.text, locator.spec.is_factory_call) == (text, is_factory_call)


@pytest.mark.parametrize(
    ("arguments", "surroundings"),
    [
        (["arg", "--app", "other"], {}),
        (["arg", "--call", "a:make"], {}),
        (["--app", "a", "--call", "a:make"], {}),
        ([], {"UNCORK_APP": "a", "UNCORK_CALL": "a:make"}),
        ([], {"files": {"uncork.toml": "app = 'a'\ncall = 'a:make'"}}),
    ],
)
def test_two_apps_in_one_breath_are_refused(run, arguments, surroundings):
    ended = run("routes", *arguments, **surroundings)
    assert ended.code == 2
    assert ended.err.startswith("error: two applications are named\n")


def test_the_locator_is_told_how_to_load(run, locator):
    run("-v", "routes", "hello.py", "--as", "script", "--", "--name", "bob")
    assert locator.load_as == "script"
    assert locator.script_arguments == ("--name", "bob")
    assert locator.verbose is True


def test_the_warnings_of_the_locator_are_told(run, locator):
    locator.app, locator.warnings = (
        (lambda environ, start_response: []),
        ("hello.py:9: passed over",),
    )
    assert run("routes").err.startswith("warning: hello.py:9: passed over\n")


def test_how_the_app_was_found_is_told_when_asked(run, locator):
    locator.app = lambda environ, start_response: []
    assert "named in the test" not in run("routes").err
    assert "note: `hello:app`: named in the test\n" in run("routes", "-v").err


def test_a_failure_is_told_although_the_script_caught_it(run, locator, monkeypatch):
    def fail(app):
        raise EnvironmentProblem("no routes today")

    monkeypatch.setattr("uncork.cli.routes.list_routes", fail)
    locator.app, locator.swallows = object(), True
    ended = run("routes")
    assert (ended.code, ended.err) == (4, "error: no routes today\n")


@pytest.mark.parametrize("command", ["routes", "shell"])
def test_a_hint_names_the_command_that_was_typed(run, locator, command):
    locator.failure = AppError("not there", hints=("as in `uncork serve hello.py`", "or not"))
    assert run(command).err.splitlines()[1:] == [
        f"hint: as in `uncork {command} hello.py`",
        "hint: or not",
    ]


def test_a_warning_names_the_command_that_was_typed(run, locator):
    locator.app, locator.warnings = (lambda environ, start_response: []), ("`uncork serve x`",)
    assert run("routes").err.startswith("warning: `uncork routes x`\n")
