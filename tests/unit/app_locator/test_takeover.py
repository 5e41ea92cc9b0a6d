"""Takeover: the script runs as `__main__`, and serves inside its own run call."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent
from typing import Any

import pytest

from tests.unit.app_locator.conftest import Project
from uncork.app_locator import AppSpec, LocatedApp, with_app
from uncork.errors import AppError, EnvironmentProblem

HEAD = (
    "import sys\nfrom flask import Flask\napp = Flask('taken')\ndone = sys.modules['marks'].done\n"
)


@pytest.fixture
def marks(project: Project) -> list[str]:
    """What the script has done so far; it appends to `done`."""
    project.write("marks.py", "done = []\n")
    sys.path.insert(0, str(project.path))
    try:
        import marks  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(project.path))
    done: list[str] = marks.done
    return done


def test_the_script_sees_its_own_arguments_only(project: Project) -> None:
    project.write(
        "hello.py",
        """
        import argparse
        from flask import Flask
        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--name")
            name = parser.parse_args().name
            app = Flask(name)
            @app.route("/")
            def index():
                return name
            app.run(host="0.0.0.0", port=5001, debug=True, threaded=False)
        """,
    )
    before = sys.argv
    bodies = []

    def use(located: LocatedApp) -> None:
        assert sys.argv == ["hello.py", "--name", "bob"]
        bodies.append(located.app.test_client().get("/").text)  # type: ignore[attr-defined]

    located = project.locate("hello.py", "--name", "bob", use=use)
    assert bodies == ["bob"]
    assert located.name == "hello:app"
    options = located.run_options
    assert options is not None
    assert (options.runner, options.where) == ("app.run()", "hello.py:11")
    assert (options.host, options.port, options.threads) == ("0.0.0.0", 5001, 1)
    assert options.ignored == ("debug",)
    assert located.origin == "run as a script up to `app.run()` at `hello.py:11`"
    assert located.explanation.startswith("ran as a script, caught at `app.run()`, `hello.py:11`")
    assert sys.argv is before


def test_click_parses_what_stands_after_the_dashes(project: Project, marks: list[str]) -> None:
    project.write(
        "hello.py",
        HEAD
        + dedent("""
        import click
        @click.command()
        @click.option("--name")
        def main(name):
            done.append(name)
            app.run()
            done.append("after")
        if __name__ == "__main__":
            main()
        """),
    )
    project.locate("hello.py", "--name", "bob")
    assert marks == ["bob", "after"]


def test_it_is_main_as_python_would_have_it(project: Project, marks: list[str]) -> None:
    project.write("sub/beside.py", "word = 'beside'\n")
    project.write(
        "sub/hello.py",
        HEAD
        + dedent("""
        import os, beside
        if __name__ == "__main__":
            done += [__file__, sys.path[0], os.getcwd(), sys.argv[0], beside.word]
            done.append(sys.modules["__main__"].app is app)
            app.run()
        """),
    )
    main, path = sys.modules["__main__"], list(sys.path)
    project.locate("sub/hello.py")
    root = project.path
    expected = [f"{root}/sub/hello.py", f"{root}/sub", str(root), "sub/hello.py", "beside", True]
    assert marks == expected
    assert sys.modules["__main__"] is main
    assert sys.path == path


def test_what_stands_around_and_after_the_call_runs_when_serving_has_ended(
    project: Project, marks: list[str]
) -> None:
    project.write(
        "hello.py",
        HEAD
        + dedent("""
        import contextlib
        @contextlib.contextmanager
        def connection():
            yield
            done.append("closed")
        if __name__ == "__main__":
            with connection():
                try:
                    app.run()
                finally:
                    done.append("finally")
            done.append("after")
        """),
    )
    project.locate("hello.py", use=lambda located: marks.append("served"))
    assert marks == ["served", "finally", "closed", "after"]


SWALLOW = """
if __name__ == "__main__":
    try:
        app.run()
    except:
        done.append("swallowed")
    done.append("after")
"""


def test_an_error_of_serving_is_not_lost_in_a_bare_except(
    project: Project, marks: list[str]
) -> None:
    project.write("hello.py", HEAD + SWALLOW)

    def use(located: LocatedApp) -> None:
        raise EnvironmentProblem("could not listen")

    with pytest.raises(EnvironmentProblem):
        project.locate("hello.py", use=use)
    assert marks == ["swallowed", "after"]


def test_an_error_of_the_options_is_not_lost_in_a_bare_except(
    project: Project, marks: list[str]
) -> None:
    project.write("hello.py", HEAD + SWALLOW.replace("run()", "run(port='http')"))
    with pytest.raises(AppError, match="is not a number"):
        project.locate("hello.py")


@pytest.mark.parametrize("ending", ["", "sys.exit()", "sys.exit(0)", "sys.exit(app.run())"])
def test_a_script_that_ends_itself_after_serving_has_ended_well(
    project: Project, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "import sys\nfrom flask import Flask\nif __name__ == '__main__':\n    app = Flask('x')\n"
    run = "" if "run" in ending else "    app.run()\n"
    project.write("hello.py", f"{text}{run}    {ending}\n")
    project.locate("hello.py")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        ("sys.exit(3)", "`hello.py` called `sys.exit(3)` at `hello.py:6` after serving had ended"),
        ("1 / 0", "`hello.py` failed with `ZeroDivisionError` at `hello.py:6` after serving had"),
    ],
)
def test_a_failure_after_serving_is_reported(project: Project, ending: str, message: str) -> None:
    text = "import sys\nfrom flask import Flask\nif __name__ == '__main__':\n    app = Flask('x')\n"
    project.write("hello.py", f"{text}    app.run()\n    {ending}\n")
    with pytest.raises(AppError) as caught:
        project.locate("hello.py")
    assert caught.value.what.startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import sys; sys.exit(2)", "`hello.py` called `sys.exit(2)` at `hello.py:2` before it"),
        ("import sys; sys.exit(0)", "`hello.py` ended with `sys.exit(0)`, at `hello.py:2` and nev"),
        ("pass", "`hello.py` ended and never ran an app"),
        ("1 / 0", "`hello.py` failed with `ZeroDivisionError` at `hello.py:2` before it ran"),
        ("import nosuchmodule", "`hello.py` failed with `ModuleNotFoundError` at `hello.py:2`"),
    ],
)
def test_a_script_that_never_runs_an_app_is_refused(
    project: Project, body: str, message: str
) -> None:
    project.write("hello.py", f"if __name__ == '__main__':\n    {body}\n")
    with pytest.raises(AppError) as caught:
        project.locate("hello.py")
    assert caught.value.what.startswith(message)
    assert "uncork/app_locator" not in str(caught.value)


def test_a_script_with_a_syntax_error_is_refused(project: Project) -> None:
    project.write("hello.py", "\ndef (:\n")
    with pytest.raises(AppError, match=r"`hello.py` failed with `SyntaxError` at `hello.py:1`"):
        project.locate("hello.py", load_as="script")


def test_help_of_the_script_is_not_a_failure(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write(
        "hello.py",
        """
        import argparse
        if __name__ == "__main__":
            argparse.ArgumentParser().parse_args()
        """,
    )
    with_app(AppSpec("hello.py", "the argument"), pytest.fail, script_arguments=["--help"])
    assert "usage: hello.py" in capsys.readouterr().out


def test_ctrl_c_before_the_run_call_ends_the_script(project: Project, marks: list[str]) -> None:
    body = "try:\n    raise KeyboardInterrupt\nfinally:\n    done.append('finally')\napp.run()\n"
    project.write("hello.py", HEAD + body)
    with pytest.raises(KeyboardInterrupt):
        project.locate("hello.py")
    assert marks == ["finally"]


def test_a_second_run_call_is_passed_over(
    project: Project, marks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("hello.py", HEAD + "app.run()\napp.run(port=5001)\ndone.append('after')\n")
    project.locate("hello.py")
    assert marks == ["after"]
    assert capsys.readouterr().err == (
        "warning: `app.run()` at `hello.py:6` was passed over: serving has ended\n"
    )


def test_a_loop_around_the_run_call_ends(project: Project, marks: list[str]) -> None:
    loop = "while True:\n    try:\n        app.run()\n    except Exception:\n        pass\n"
    project.write("hello.py", HEAD + loop)
    project.locate("hello.py")


def test_the_settings_of_uncork_settle_a_doubt(project: Project, marks: list[str]) -> None:
    project.write("hello.py", HEAD + "if __name__ == '__main__':\n    app.run(port=5001)\n")
    imported = project.locate("hello.py")
    assert imported.explanation.startswith("imported, ")
    assert imported.run_options is not None
    assert imported.run_options.port == 5001
    ran = project.locate("hello.py", load_as="script")
    assert ran.explanation.endswith("`--as script` says so")
    project.write(
        "more.py", HEAD + "if __name__ == '__main__':\n    done.append(1)\n    app.run()\n"
    )
    assert project.locate("more.py", load_as="module").run_options is None
    assert marks == []


@pytest.mark.parametrize("named", ["shop.main", "shop"])
def test_a_module_is_run_as_python_would_run_it(project: Project, named: str) -> None:
    project.write("shop/__init__.py", "")
    project.write("shop/names.py", "name = 'bob'\n")
    run = """
        import sys
        from flask import Flask
        from .names import name
        app = Flask(__name__)
        app.config.update(NAME=name, ARGV=sys.argv, PACKAGE=__package__, SPEC=__spec__.name)
        if __name__ == "__main__":
            app.run()
        """
    project.write("shop/main.py", run)
    project.write("shop/__main__.py", run)
    file = project.path / "shop" / ("main.py" if named == "shop.main" else "__main__.py")
    config: Any = project.locate(named, "--fast", load_as="script").app
    assert config.config["NAME"] == "bob"
    assert config.config["ARGV"] == [str(file), "--fast"]
    assert config.config["PACKAGE"] == "shop"
    assert config.config["SPEC"] == f"shop.{file.stem}"


@pytest.mark.usefixtures("marks")
def test_a_script_needs_no_suffix(project: Project) -> None:
    project.write("serve", HEAD + "if __name__ == '__main__':\n    app.run()\n")
    assert project.locate("serve", load_as="script").name == "serve:app"


def test_an_unguarded_run_call_is_passed_over_while_a_module_is_imported(
    project: Project,
) -> None:
    project.write(
        "hello.py",
        "from flask import Flask\napp = Flask('x')\napp.run(port=5001)\nlate = app.route('/')\n",
    )
    for spec in ("hello", "hello:app"):
        located = project.locate(spec)
        sys.modules.pop("hello")
        assert located.warnings == (
            "`app.run()` at `hello.py:3` was passed over: the module is imported; "
            'put it under `if __name__ == "__main__":`',
        )
    assert project.locate("hello.py").explanation.startswith("ran as a script")


def test_a_module_sees_the_arguments_of_the_script_too(project: Project) -> None:
    text = "import sys\nfrom flask import Flask\napp = Flask('-'.join(sys.argv[1:]))\n"
    file = project.write("hello.py", text + "app.config['FILE'] = sys.argv[0]\n")
    app = project.locate("hello:app", "--name", "bob").app
    assert app.name == "--name-bob"  # type: ignore[attr-defined]
    assert app.config["FILE"] == str(file)  # type: ignore[attr-defined]


def test_load_dotenv_of_the_run_call_has_happened(
    project: Project, marks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_SKIP_DOTENV", "0")
    monkeypatch.setenv("UNCORK_TEST_WORD", "")
    monkeypatch.delenv("UNCORK_TEST_WORD")
    project.write(".env", "UNCORK_TEST_WORD=loaded\n")
    project.write(
        "hello.py", HEAD + "import os\napp.run()\ndone.append(os.environ['UNCORK_TEST_WORD'])\n"
    )
    project.locate("hello.py")
    assert marks == ["loaded"]


class TestThreads:
    """Serving is for the main thread, wherever the run call is."""

    @pytest.mark.parametrize("ending", ["", "thread.join()\n", "done.append('main')\n"])
    def test_a_run_call_in_a_thread_is_served_in_the_main_one(
        self, project: Project, marks: list[str], ending: str
    ) -> None:
        import threading

        thread = (
            "import threading\nthread = threading.Thread(target=app.run, kwargs={'port': 5001})\n"
            "thread.start()\n"
        )
        project.write("hello.py", HEAD + thread + ending)
        threads = []
        located = project.locate(
            "hello.py", use=lambda _: threads.append(threading.current_thread())
        )
        assert threads == [threading.current_thread()]
        assert located.run_options is not None
        assert (located.run_options.where, located.run_options.port) == ("hello.py:7", 5001)

    def test_the_call_returns_in_its_thread(self, project: Project, marks: list[str]) -> None:
        project.write(
            "hello.py",
            HEAD
            + dedent("""
            import threading
            def serve():
                app.run()
                done.append("returned")
            thread = threading.Thread(target=serve)
            thread.start()
            thread.join()
            done.append("joined")
            """),
        )
        project.locate("hello.py", use=lambda _: marks.append("served"))
        assert marks == ["served", "returned", "joined"]

    @pytest.mark.parametrize("blocked", ["time.sleep(60)", "threading.Event().wait()"])
    def test_a_main_thread_that_never_ends_is_refused(
        self,
        project: Project,
        marks: list[str],
        monkeypatch: pytest.MonkeyPatch,
        blocked: str,
    ) -> None:
        monkeypatch.setattr("uncork.app_locator.takeover.OWNER_DEADLINE_SECONDS", 0.05)
        thread = "import threading, time\nthreading.Thread(target=app.run, daemon=True).start()\n"
        guarded = f"try:\n    {blocked}\nexcept Exception:\n    pass\n"
        project.write("hello.py", HEAD + thread + guarded)
        with pytest.raises(AppError) as caught:
            project.locate("hello.py")
        assert caught.value.what == (
            "`app.run()` at `hello.py:6` was called in a thread, "
            "and the main thread of `hello.py` still runs after 0.05 s"
        )

    def test_only_one_of_two_apps_is_served(self, project: Project, marks: list[str]) -> None:
        project.write(
            "hello.py",
            HEAD
            + dedent("""
            import threading
            thread = threading.Thread(target=app.run)
            thread.start()
            while not parked():
                pass
            Flask("main").run()
            """).replace("not parked()", "not sys.modules['marks'].parked(app)"),
        )
        import uncork.app_locator.takeover as module

        parks: list[object] = []
        original = module.Takeover._park

        def park(self: module.Takeover, run: module._Run) -> None:
            parks.append(run.app)
            original(self, run)

        sys.modules["marks"].parked = lambda app: app in parks  # type: ignore[attr-defined]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module.Takeover, "_park", park)
            located = project.locate("hello.py")
        assert located.app.name == "main"  # type: ignore[attr-defined]


def run_uncork(project: Project, use: str = "pass") -> subprocess.CompletedProcess[str]:
    """`with_app` on `hello.py` in a process of its own, which the test may see end."""
    driver = project.write(
        "driver.py",
        f"""
        import sys
        from uncork import console
        from uncork.app_locator import AppSpec, with_app
        from uncork.errors import UncorkError, EnvironmentProblem
        def use(located):
            print("served", flush=True)
            {use}
        try:
            with_app(AppSpec("hello.py", "the argument"), use)
        except UncorkError as error:
            console.fail(error)
            sys.exit(error.exit_code)
        """,
    )
    return subprocess.run(
        [sys.executable, str(driver)],
        cwd=project.path,
        capture_output=True,
        text=True,
        timeout=9,
        check=False,
    )


STUBBORN = """
from flask import Flask
app = Flask("x")
while True:
    try:
        app.run()
    except:
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("use", "code", "error"),
    [
        ("pass", 0, "serving has ended"),
        ("raise EnvironmentProblem('taken')", 4, "error: taken"),
    ],
)
def test_a_loop_that_swallows_every_exit_is_ended_from_outside(
    project: Project, use: str, code: int, error: str
) -> None:
    project.write("hello.py", STUBBORN)
    done = run_uncork(project, use)
    assert (done.returncode, done.stdout) == (code, "served\n")
    assert error in done.stderr


@pytest.mark.slow
def test_a_run_call_in_a_process_of_the_script_is_refused(project: Project) -> None:
    project.write(
        "hello.py",
        """
        import multiprocessing
        from flask import Flask
        app = Flask("x")
        if __name__ == "__main__":
            process = multiprocessing.get_context("fork").Process(target=app.run)
            process.start()
            process.join()
        """,
    )
    done = run_uncork(project)
    assert done.returncode == 3
    assert "was called in another process than the script's" in done.stderr
    assert "error: `hello.py` ended and never ran an app" in done.stderr


@pytest.mark.slow
def test_a_daemon_thread_does_not_outlive_the_script(project: Project) -> None:
    project.write(
        "hello.py",
        """
        import threading
        from flask import Flask
        app = Flask("x")
        threading.Thread(target=app.run, daemon=True).start()
        """,
    )
    done = run_uncork(project)
    assert (done.returncode, done.stdout) == (0, "served\n")
