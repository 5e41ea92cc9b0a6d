"""Holds the app locator against Flask's own command, in the same Python, row by row.

A row says which files there are, what is typed, and which app (`=name`) or which of Flask's
sentences comes of it. Flask must agree with the row, and so must uncork.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

HERE = Path(__file__).parent
FLASK = "from flask import Flask\n"
HELLO = FLASK + "app = Flask('one')\nother = 3\n"
TWO = FLASK + "first = Flask('one')\nsecond = Flask('two')\n"
FACTORY = """
from flask import Flask
def create_app(name='made', *, suffix=''):
    return Flask(str(name) + suffix)
def strict(name):
    return Flask(name)
def broken():
    return None + 1
def nothing():
    pass
class Application:
    def __call__(self):
        return Flask('from a class')
"""
EMPTY = "def create_app():\n    pass\n"
COULD_NOT_IMPORT = "Could not import"
NOT_FOUND = "Failed to find Flask application or factory in module"
UNPARSABLE = "as an attribute name or function call"
NOT_LITERAL = "Failed to parse arguments as literal values"
WRONG_CALL = "could not be called with the specified arguments"
NOT_OBTAINED = "was not obtained from"
NO_ATTRIBUTE = "Failed to find attribute"
SEVERAL = "Detected multiple Flask applications in module"
IMPORT_ERROR = "an ImportError was raised"
NOWHERE = "Could not locate a"


@dataclass(frozen=True)
class Row:
    spec: str | None
    expected: str
    files: tuple[tuple[str, str], ...] = (("hello.py", HELLO),)


def row(spec: str | None, expected: str, **files: str) -> Row:
    """`__` in a keyword is a slash, and the file a Python file."""
    if not files:
        return Row(spec, expected)
    names = {name.replace("__", "/"): text for name, text in files.items()}
    return Row(spec, expected, tuple((f"{name}.py", text) for name, text in names.items()))


PACKAGE = (("pkg/__init__.py", HELLO), ("pkg/sub/__init__.py", ""), ("pkg/sub/web.py", TWO))
BELOW = (("sub/dir/app.py", FACTORY),)
ROWS = [
    # module, file, package
    row("hello", "=one"),
    row("hello.py", "=one"),
    row("./hello.py", "=one"),
    row("hello:app", "=one"),
    row("hello.py:app", "=one"),
    row("hello: app ", "=one"),
    row("hello:app()", "=one"),
    Row("pkg", "=one", PACKAGE),
    Row("pkg/", "=one", PACKAGE),
    Row("pkg/__init__.py", "=one", PACKAGE),
    Row("pkg/__init__", "=one", PACKAGE),
    Row("pkg.sub.web:second", "=two", PACKAGE),
    Row("pkg/sub/web.py:second", "=two", PACKAGE),
    Row("pkg/sub/web:first", "=one", PACKAGE),
    Row("pkg.sub", NOT_FOUND, PACKAGE),
    Row("pkg.missing", COULD_NOT_IMPORT, PACKAGE),
    Row("sub/dir/app.py", "=made", BELOW),
    Row("sub/dir/app.py:create_app('x')", "=x", BELOW),
    # names
    row("hello:nope", NO_ATTRIBUTE),
    row("hello:other", NOT_OBTAINED),
    row("hello:Flask", NOT_OBTAINED),
    row("hello:", UNPARSABLE),
    row("hello:app[0]", UNPARSABLE),
    row("hello:app(", UNPARSABLE),
    row("hello:no app", UNPARSABLE),
    row("hello:app:app", UNPARSABLE),
    row("hello:1", UNPARSABLE),
    row("hello:'app'", UNPARSABLE),
    row("hello:(lambda: 1)()", "Function reference must be a simple name"),
    # which one of a module
    row("web", "=two", web=FLASK + "first = Flask('one')\napp = Flask('two')\n"),
    row("web", "=two", web=FLASK + "first = Flask('one')\napplication = Flask('two')\n"),
    row("web", "=one", web=FLASK + "application = Flask('two')\napp = Flask('one')\n"),
    row("web", "=one", web=FLASK + "anything = Flask('one')\n"),
    row("web", "=one", web=FLASK + "app = 3\nanything = Flask('one')\n"),
    row("web", SEVERAL, web=TWO),
    row("web", SEVERAL, web=FLASK + "same = alike = Flask('one')\n"),
    row("web", "=one", web="from core import thing\n", core=FLASK + "thing = Flask('one')\n"),
    row("web", "=made", web=FACTORY),
    row("web", "=made", web=FACTORY.replace("create_app", "make_app")),
    row("web", "=two", web=FACTORY + "def make_app():\n    return Flask('no')\nx = Flask('two')\n"),
    row("web", "=made", web="from core import create_app\n", core=FACTORY),
    row("web", NOT_FOUND, web=FLASK),
    row("web", NOT_FOUND, web=""),
    row("web", NOT_FOUND, web="def create_app():\n    return 3\n"),
    row("web", "=m", web=EMPTY + FLASK + "def make_app():\n    return Flask('m')\n"),
    row("web", "could not call it without arguments", web="def create_app(x):\n    pass\n"),
    row("web", "TypeError", web="def create_app():\n    return None + 1\n"),
    row("web", "=one", web=FLASK + "create_app = 'x'.join\na = Flask('one')\n"),
    row("web", NOT_FOUND, web=FLASK + "create_app = 'x'.join\n"),
    # calls
    row("web:create_app", "=made", web=FACTORY),
    row("web:create_app()", "=made", web=FACTORY),
    row("web:create_app('x')", "=x", web=FACTORY),
    row("web:create_app('x',)", "=x", web=FACTORY),
    row("web: create_app ( 'x' , suffix = '-y' ) ", "=x-y", web=FACTORY),
    row("web:create_app(name='x', suffix='-y')", "=x-y", web=FACTORY),
    row("web:create_app(1)", "=1", web=FACTORY),
    row("web:create_app(-1)", "=-1", web=FACTORY),
    row("web:create_app([1, {'a': (True, None)}])", "=[1, {'a': (True, None)}]", web=FACTORY),
    row("web:create_app('a:b')", "=a:b", web=FACTORY),
    row("web:create_app('/etc:/x')", "=/etc:/x", web=FACTORY),
    row("web:create_app(Flask)", NOT_LITERAL, web=FACTORY),
    row("web:create_app(1 if 2 else 3)", NOT_LITERAL, web=FACTORY),
    row("web:create_app(__import__('os'))", NOT_LITERAL, web=FACTORY),
    row("web:create_app(*[1])", NOT_LITERAL, web=FACTORY),
    row("web:create_app(suffix='a', suffix='b')", "=madeb", web=FACTORY),
    row("web:create_app('x', 'y')", WRONG_CALL, web=FACTORY),
    row("web:create_app(colour='red')", WRONG_CALL, web=FACTORY),
    row("web:strict", WRONG_CALL, web=FACTORY),
    row("web:strict()", WRONG_CALL, web=FACTORY),
    row("web:strict('s')", "=s", web=FACTORY),
    row("web:broken", "TypeError", web=FACTORY),
    row("web:nothing", NOT_OBTAINED, web=FACTORY),
    row("web:Application", NOT_OBTAINED, web=FACTORY),
    # what cannot be imported
    row("nope", COULD_NOT_IMPORT),
    row("nope.py", COULD_NOT_IMPORT),
    row("nope:app", COULD_NOT_IMPORT),
    row(" hello", COULD_NOT_IMPORT),
    row("hello.txt", COULD_NOT_IMPORT),
    Row("notes.txt", COULD_NOT_IMPORT, (("notes.txt", "app = 3"),)),
    row("C:\\project\\hello.py:app", COULD_NOT_IMPORT),
    row("bad", IMPORT_ERROR, bad="import nosuchmodule\n"),
    row("bad", IMPORT_ERROR, bad="from hello import nope\n", hello=HELLO),
    row("bad", IMPORT_ERROR, bad="raise ImportError('mine')\n"),
    row("bad", "SyntaxError", bad="def (:\n"),
    row("bad", "ZeroDivisionError", bad="1 / 0\n"),
    # nothing is named
    row(None, "=one", app=HELLO),
    row(None, "=one", wsgi=HELLO),
    row(None, "=one", wsgi=HELLO, app=TWO),
    row(None, SEVERAL, wsgi=TWO, app=HELLO),
    row(None, NOT_FOUND, wsgi="", app=HELLO),
    Row(None, "=one", (("app/__init__.py", HELLO),)),
    row(None, IMPORT_ERROR, wsgi="import nosuchmodule\n", app=HELLO),
    Row(None, NOWHERE, (("readme.md", ""),)),
    Row(None, "=one", (("__init__.py", ""), ("app.py", HELLO))),
    # only under `python web.py`
    row("web.py", "=one", web=HELLO + "if __name__ == '__main__':\n    1 / 0\n"),
    row("web.py", "=one", web=HELLO + "app.run(port=1)\n"),
]  # fmt: skip


@dataclass(frozen=True)
class Answers:
    flask: list[dict[str, str]]
    uncork: list[dict[str, str]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    root = tmp_path_factory.mktemp("rows").resolve()
    rows = []
    for number, each in enumerate(ROWS):
        folder = root / f"row{number}"
        for name, text in each.files:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        rows.append({"root": str(root), "folder": str(folder), "spec": each.spec})
    return Answers(ask("flask", rows), ask("uncork", rows))


def ask(who: str, rows: list[dict[str, str | None]]) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, str(HERE / "locate_all.py"), who],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def assert_is_as_expected(answer: dict[str, str], expected: str) -> None:
    if expected.startswith("="):
        assert answer == {"app": expected[1:]}
    else:
        assert expected.lower() in answer.get("refusal", str(answer)).lower()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", range(len(ROWS)), ids=[str(each.spec) for each in ROWS])
def test_flask_gives_what_the_row_says(answers: Answers, number: int) -> None:
    assert_is_as_expected(answers.flask[number], ROWS[number].expected)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", range(len(ROWS)), ids=[str(each.spec) for each in ROWS])
def test_uncork_gives_what_flask_gives(answers: Answers, number: int) -> None:
    assert_is_as_expected(answers.uncork[number], ROWS[number].expected)


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "spec", ["hello", "pkg/sub/web.py:second", "hello:nope", "web:create_app('x',)", "bad"]
)
def test_the_rows_mean_what_the_flask_command_itself_does(tmp_path: Path, spec: str) -> None:
    each = next(each for each in ROWS if each.spec == spec)
    for name, text in each.files:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", str(each.spec), "routes"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if each.expected.startswith("="):
        assert done.returncode == 0, done.stderr
        assert "/static/" in done.stdout
    else:
        assert done.returncode != 0
        assert each.expected.lower() in done.stderr.lower()
