import pytest

from tests.support.wsgi_client import call
from uncork.app_locator import importing
from uncork.dev.browser import Debugger, DebuggerPolicy, after_death, instead_of_app
from uncork.errors import AppError

HTML = {"HTTP_ACCEPT": "text/html"}


def _instead(error):
    return instead_of_app(error, Debugger(DebuggerPolicy()))


def _load_failure(tmp_path, source, name="broken"):
    file = tmp_path / f"{name}.py"
    file.write_text(source)
    try:
        with importing.started_from(tmp_path, [str(file)]):
            importing.import_module(importing.place_module(str(file)), verbose=False)
    except AppError as error:
        return error
    raise AssertionError("it could be imported")


def test_what_was_raised_while_the_app_was_loaded_is_raised_under_the_debugger(tmp_path):
    error = _load_failure(tmp_path, "answer = 6 * 7\n1 / 0\n", "raising")
    app = _instead(error)
    page = call(app, is_checked=False, **HTML)
    assert page.status.startswith("500")
    assert "EVALEX = true" in page.text
    assert "ZeroDivisionError" in page.text
    assert str(tmp_path / "raising.py") in page.text
    assert "uncork/" not in page.text, "a frame of ours is in the traceback"
    assert page.terminal == "", "the terminal was told when it happened"


def test_each_request_has_the_same_frames(tmp_path):
    app = _instead(_load_failure(tmp_path, "import json\njson.loads('')\n", "again"))
    counts = {call(app, is_checked=False, **HTML).text.count("<h4>File") for _ in range(3)}
    assert len(counts) == 1


def test_a_syntax_error_shows_file_line_and_caret(tmp_path):
    app = _instead(_load_failure(tmp_path, "def f():\n    return 1 +\n", "bad_syntax"))
    text = call(app).text
    assert f'File "{tmp_path / "bad_syntax.py"}", line 2' in text
    assert "    return 1 +\n" in text
    assert "^\nSyntaxError: invalid syntax" in text
    page = call(app, is_checked=False, **HTML).text
    assert "SyntaxError: invalid syntax" in page
    assert "bad_syntax.py&#34;, line 2" in page


def test_programs_get_it_as_text_with_the_hint(tmp_path):
    app = _instead(_load_failure(tmp_path, "import nosuchmodule_\n", "missing"))
    answer = call(app)
    assert answer.headers["content-type"].startswith("text/plain")
    assert "ModuleNotFoundError: No module named 'nosuchmodule_'\nhint: install" in answer.text


@pytest.mark.parametrize("accept", [HTML, {}])
def test_what_uncork_itself_says_is_a_page_with_its_hints(accept):
    error = AppError("could not import `helo.py`", cause="no `helo.py`", hints=("`hello.py`?",))
    answer = call(_instead(error), **accept)
    assert answer.status.startswith("500")
    assert "EVALEX" not in answer.text
    for part in ("ould not import ", "helo.py", "hello.py", "?"):
        assert part in answer.text


def test_a_module_that_ends_the_process_is_a_page():
    error = AppError("`a` called `sys.exit(3)` while it was imported", hints=("a hint",))
    error.__context__ = SystemExit(3)
    assert "sys.exit(3)" in call(_instead(error), **HTML).text


def test_a_death_while_loading_is_told():
    app = after_death("it was killed by `SIGSEGV`")
    page = call(app, **HTML)
    assert page.status.startswith("500")
    assert "<code>SIGSEGV</code>" in page.text
    assert "it was killed by `SIGSEGV`" in call(app).text
