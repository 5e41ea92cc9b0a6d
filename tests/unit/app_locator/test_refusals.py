"""Every refusal says what happened, where, and what to type; a dozen lines at most."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.app_locator.conftest import Project
from uncork.app_locator import AppSpec, with_app
from uncork.errors import AppError, UncorkError, UsageError

DEEP = """
def one():
    two()
def two():
    three()
def three():
    four()
def four():
    five()
def five():
    return {}["deep"]
one()
"""


def refusal(project: Project, spec: str | None, verbose: bool = False) -> UncorkError:
    with pytest.raises(UncorkError) as caught:
        project.locate(spec, verbose=verbose)
    text = str(caught.value)
    assert len(text.split("\n")) <= 12 or verbose, text
    assert "uncork/app_locator" not in text or verbose, text
    assert "importlib" not in text, text
    return caught.value


def test_no_such_file_suggests_one_that_is_alike(project: Project) -> None:
    project.write("hello.py", "")
    error = refusal(project, "helo.py")
    assert error.what == "could not import `helo`"
    assert error.cause == f"there is no `helo.py` in `{project.path}`"
    assert error.hints == ("did you mean `hello.py`?",)


def test_no_such_module(project: Project) -> None:
    error = refusal(project, "nosuchthing:app")
    assert error.what == "could not import `nosuchthing`"
    assert error.hints == ("name a file or a module, as in `hello.py` or `hello:app`",)


def test_a_file_that_is_not_python(project: Project) -> None:
    project.write("notes.txt", "app = 3")
    assert "does not end in `.py`" in str(refusal(project, "notes.txt").cause)


def test_a_file_with_a_dot_in_its_name(project: Project) -> None:
    project.write("my.site.py", "app = 3")
    error = refusal(project, "my.site.py")
    assert error.hints == ("rename the file, or run it as a script with `--as script`",)


def test_a_file_named_like_another_module(project: Project) -> None:
    project.write("decimal.py", "from flask import Flask\napp = Flask('x')\n")
    import decimal

    error = refusal(project, "decimal.py")
    assert error.what == ("`decimal.py` cannot be imported: another module is named `decimal`")
    assert str(decimal.__file__) in str(error.cause)


def test_an_import_error_in_the_file(project: Project) -> None:
    project.write("web.py", "import os\nimport nosuchmodule.sub\n")
    error = refusal(project, "web:app")
    assert error.what == "while importing `web`, an ImportError was raised at `web.py:2`"
    assert error.details == (
        "Traceback (most recent call last):\n"
        f'  File "{project.path}/web.py", line 2, in <module>\n'
        "    import nosuchmodule.sub\n"
        "ModuleNotFoundError: No module named 'nosuchmodule'"
    )
    assert error.hints[0].startswith("install what provides `nosuchmodule` for this Python: ")
    assert sys.executable in error.hints[0]


def test_an_import_error_that_came_from_another_error(project: Project) -> None:
    project.write(
        "web.py",
        """
        try:
            {}["key"]
        except KeyError:
            import nosuchmodule
        """,
    )
    assert "(came from KeyError: 'key', at web.py:2)" in str(refusal(project, "web"))


def test_a_syntax_error_in_the_file(project: Project) -> None:
    project.write("web.py", "x = 1\ndef broken(:\n    pass\n")
    for spec in ("web", "web.py", "web:app"):
        error = refusal(project, spec)
        assert error.what == "`web` failed with `SyntaxError` at `web.py:2` while it was imported"
        assert "def broken(:" in str(error)


def test_a_syntax_error_in_a_file_that_it_imports(project: Project) -> None:
    project.write("web.py", "import other\n")
    project.write("other.py", "x = 1\n\ndef broken(:\n")
    error = refusal(project, "web")
    assert "`SyntaxError` at `other.py:3`" in error.what
    assert 'web.py", line 1' in str(error.details)


def test_sys_exit_at_import(project: Project) -> None:
    project.write("web.py", "import sys\n\nsys.exit('no database')\n")
    error = refusal(project, "web")
    assert error.what == (
        "`web` called `sys.exit('no database')` at `web.py:3` while it was imported"
    )


def test_parse_args_at_import_says_where_arguments_go(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write(
        "web.py",
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--name", required=True)
        parser.parse_args()
        """,
    )
    error = refusal(project, "web")
    assert "called `sys.exit(2)` at `web.py:4`" in error.what
    assert error.hints == ("arguments for the script go after `--`: `uncork serve web.py -- …`",)
    assert "--name" in capsys.readouterr().err


def test_arguments_that_the_script_refuses_are_not_sent_to_where_they_stand_already(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("greet.py", "import argparse\nargparse.ArgumentParser().parse_args()\n")
    with pytest.raises(AppError) as caught:
        project.locate("greet.py", "--nope", load_as="script")
    assert caught.value.hints == ("what it takes: `uncork serve greet.py -- --help`",)
    assert "unrecognized arguments: --nope" in capsys.readouterr().err


def test_a_long_traceback_loses_its_middle(project: Project) -> None:
    project.write("web.py", DEEP)
    error = refusal(project, "web")
    details = str(error.details)
    assert "in <module>" in details
    assert "in five" in details
    assert "more (all of them with `--verbose`)" in details
    assert "in two" not in details


def test_verbose_shows_all_of_it(project: Project) -> None:
    project.write("web.py", DEEP)
    details = str(refusal(project, "web", verbose=True).details)
    assert all(f"in {name}" in details for name in ("one", "two", "three", "four", "five"))


def test_frames_of_packages_are_left_out(project: Project) -> None:
    project.write(
        "web.py",
        """
        from flask import Flask
        app = Flask(__name__)
        app.add_url_rule("/a", "same", lambda: "")
        app.add_url_rule("/b", "same", lambda: "")
        """,
    )
    error = refusal(project, "web")
    assert "at `web.py:4`" in error.what
    assert "site-packages" not in str(error.details)
    assert "AssertionError" in str(error.details)


def test_a_factory_that_needs_arguments(project: Project) -> None:
    project.write("web.py", "\ndef create_app(config, debug=False): ...\n")
    error = refusal(project, "web")
    assert error.what == (
        "detected factory `create_app` in module `web`, but could not call it without arguments"
    )
    assert "it is `create_app(config, debug=False)`, at `web.py:1`" in str(error.cause)
    assert error.hints == (
        "use `web:create_app(args)` to specify arguments, in quotes for the shell",
    )
    named = refusal(project, "web:create_app(colour='red')")
    assert "could not be called with the specified arguments" in named.what


def test_a_type_error_inside_the_factory_is_shown(project: Project) -> None:
    project.write("web.py", "def create_app():\n    return None + 1\n")
    error = refusal(project, "web")
    assert error.what == (
        "the factory `web:create_app` failed with `TypeError` at `web.py:2` when it was called"
    )
    assert "    return None + 1" in str(error.details)


def test_a_name_that_is_alike_is_suggested(project: Project) -> None:
    project.write("web.py", "from flask import Flask\napplication = Flask('x')\n")
    assert refusal(project, "web:aplication").hints == ("did you mean `application`?",)
    assert refusal(project, "web:zzz").hints == (
        "there is an app named `application`: `web:application`",
    )


@pytest.mark.parametrize("spec", ["web:app + 1", "web:", ":app", "web:app()()", "web:f(x)", "a\0b"])
def test_what_cannot_be_read_is_a_usage_error(project: Project, spec: str) -> None:
    with pytest.raises(UsageError):
        project.locate(spec)


def test_a_module_without_an_app_suggests_the_script(project: Project) -> None:
    project.write(
        "web.py",
        """
        from flask import Flask
        def main():
            app = Flask("x")
            app.run()
        if __name__ == "__main__":
            main()
        """,
    )
    error = refusal(project, "web")
    assert error.hints[0] == "to run it as a script: `uncork serve --as script web.py`"


def test_ctrl_c_while_importing_is_not_the_apps_failure(project: Project) -> None:
    project.write("web.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        project.locate("web")


def test_what_uncork_raises_while_importing_is_not_the_apps_failure(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler of the supervisor's may raise in the middle of the user's code."""
    import uncork

    stop = Path(uncork.__file__).parent / "supervisor" / "stop.py"
    names: dict[str, object] = {}
    exec(compile("def stop(): raise SystemExit(0)", str(stop), "exec"), names)
    monkeypatch.setattr(sys, "stop_for_test", names["stop"], raising=False)
    project.write("web.py", "import sys\nsys.stop_for_test()\n")
    with pytest.raises(SystemExit):
        project.locate("web")


def test_an_error_of_use_is_raised_as_it_is(project: Project) -> None:
    project.write("web.py", "from flask import Flask\napp = Flask('x')\n")

    def use(located: object) -> None:
        raise OSError("taken")

    with pytest.raises(OSError, match="taken"):
        with_app(AppSpec("web", "the argument"), use)


def test_a_script_must_be_a_file(project: Project) -> None:
    project.write("web.py", "")
    for spec in ("web:app", "web.py:app", "nope.py", "no-name"):
        with pytest.raises(UsageError, match="--as script"):
            project.locate(spec, load_as="script")


def test_a_script_may_be_a_module_if_there_is_one(project: Project) -> None:
    project.write("shop/__init__.py", "")
    for spec in ("nope", "nope.main", "shop", "shop.nope"):
        with pytest.raises(AppError, match="no module"):
            project.locate(spec, load_as="script")
    with pytest.raises(AppError, match="no file of source code"):
        project.locate("itertools", load_as="script")


def test_what_fails_above_a_module_that_is_run_is_shown(project: Project) -> None:
    project.write("shop/__init__.py", "import nowhere\n")
    project.write("shop/main.py", "")
    with pytest.raises(AppError, match=r"`shop\.main`, an ImportError was raised") as caught:
        project.locate("shop.main", load_as="script")
    assert "nowhere" in (caught.value.details or "")


def test_nothing_found_lists_what_looks_like_an_app(project: Project) -> None:
    project.write("blog.py", "from flask import Flask\nblog = Flask('x')\n")
    error = refusal(project, None)
    assert isinstance(error, AppError)
    assert error.what == "could not locate an application"
    assert error.hints == ("`blog.py` looks like one: `uncork serve blog.py`",)


@pytest.mark.filterwarnings("ignore::ImportWarning")  # Python's own, about the same thing
def test_a_script_inside_a_package_says_how_to_import_it(project: Project) -> None:
    project.write("pkg/__init__.py", "")
    project.write(
        "pkg/web.py", "from . import models\nif __name__ == '__main__':\n    models.go()\n"
    )
    error = refusal(project, "pkg/web.py")
    assert error.hints == ("the file is part of a package: have it imported, with `--as module`",)
