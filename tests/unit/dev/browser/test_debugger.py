import re
import sys
from wsgiref.util import FileWrapper

import pytest

from tests.support.wsgi_client import call
from uncork.dev.browser import CONSOLE_PATH, Debugger, DebuggerPolicy, debugger_pin

HTML = {"HTTP_ACCEPT": "text/html,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _no_pin_from_outside(monkeypatch):
    monkeypatch.delenv("WERKZEUG_DEBUG_PIN", raising=False)


def _failing(environ, start_response):
    secret = 6 * 7  # noqa: F841 (looked at in the debugger)
    raise ZeroDivisionError("of mine")


def _around(app=_failing, **policy):
    return Debugger(DebuggerPolicy(**policy)).around(app)


def test_a_browser_gets_the_debugger():
    answer = call(_around(), is_checked=False, **HTML)
    assert answer.status.startswith("500")
    assert "EVALEX = true" in answer.text
    assert "ZeroDivisionError: of mine" in answer.text
    assert "uncork/dev" not in answer.text, "a frame of ours is in the traceback"
    assert "ZeroDivisionError: of mine" in answer.terminal


@pytest.mark.parametrize(
    "accept", [{}, {"HTTP_ACCEPT": "*/*"}, {"HTTP_ACCEPT": "application/json"}]
)
def test_programs_get_the_traceback_as_text(accept):
    answer = call(_around(), **accept)
    assert answer.status.startswith("500")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "Traceback (most recent call last)" in answer.text
    assert "ZeroDivisionError: of mine" in answer.text
    assert "uncork/dev" not in answer.text
    assert "ZeroDivisionError: of mine" in answer.terminal


def _frame_and_secret(page):
    frames = re.findall(r'id="frame-(\d+)"', page)
    return frames[-1], re.search(r'SECRET = "(\w+)"', page)[1]


def _evaluate(app, expression, **given):
    frame, secret = _frame_and_secret(call(app, is_checked=False, **HTML).text)
    query = f"/?__debugger__=yes&cmd={expression}&frm={frame}&s={secret}"
    return call(app, query, is_checked=False, **given)


def _cookie(app, pin):
    _, secret = _frame_and_secret(call(app, is_checked=False, **HTML).text)
    answer = call(app, f"/?__debugger__=yes&cmd=pinauth&pin={pin}&s={secret}", is_checked=False)
    assert '"auth": true' in answer.text
    return answer.headers["set-cookie"].partition(";")[0]


def test_an_expression_is_evaluated_in_the_frame_for_who_has_the_pin(tmp_path):
    app = _around(project=tmp_path)
    assert ">42<" not in _evaluate(app, "secret").text
    cookie = _cookie(app, debugger_pin(tmp_path))
    assert ">42<" in _evaluate(app, "secret", HTTP_COOKIE=cookie).text


def test_the_pin_is_the_projects_and_holds_for_the_next_worker(tmp_path):
    cookie = _cookie(_around(project=tmp_path), debugger_pin(tmp_path))

    def another(environ, start_response):
        secret = 40 + 3  # noqa: F841
        raise KeyError

    app = _around(another, project=tmp_path)
    assert ">43<" in _evaluate(app, "secret", HTTP_COOKIE=cookie).text
    assert debugger_pin(tmp_path) != debugger_pin(tmp_path / "other")


def test_the_pin_can_be_set_and_turned_off(monkeypatch, tmp_path):
    monkeypatch.setenv("WERKZEUG_DEBUG_PIN", "123-456-789")
    assert Debugger(DebuggerPolicy(project=tmp_path)).pin == "123-456-789"
    monkeypatch.setenv("WERKZEUG_DEBUG_PIN", "off")
    assert Debugger(DebuggerPolicy(project=tmp_path)).pin is None
    assert ">42<" in _evaluate(_around(project=tmp_path), "secret").text


def test_who_is_asked_for_the_pin_finds_it_on_the_terminal(capsys, tmp_path):
    app = _around(project=tmp_path)
    _, secret = _frame_and_secret(call(app, is_checked=False, **HTML).text)
    call(app, f"/?__debugger__=yes&cmd=printpin&s={secret}", is_checked=False)
    assert capsys.readouterr().err == f"debugger PIN: {debugger_pin(tmp_path)}\n"


def test_a_name_that_is_not_this_machines_gets_no_debugger_and_is_told_why():
    page = call(_around(), HTTP_HOST="evil.example", **HTML)
    assert "ZeroDivisionError" in page.text
    assert "EVALEX" not in page.text
    assert "<code>evil.example</code> is none that it knows" in page.text
    command = call(_around(), "/?__debugger__=yes&cmd=pinauth&pin=1", HTTP_HOST="evil.example")
    assert command.status.startswith("403")
    assert "evil.example" in command.text
    assert call(_around(), CONSOLE_PATH, HTTP_HOST="evil.example").status.startswith("403")


def test_where_other_machines_listen_the_debugger_is_off_and_says_how_to_turn_it_on():
    answer = call(_around(hosts=["0.0.0.0"]), **HTML)
    assert "EVALEX" not in answer.text
    assert "ZeroDivisionError: of mine" in answer.text
    assert "<code>--debugger-on-network</code>" in answer.text
    on = _around(hosts=["0.0.0.0"], is_for_network=True)
    assert "EVALEX = true" in call(on, HTTP_HOST="10.1.2.3:5000", is_checked=False, **HTML).text


def test_without_werkzeug_there_is_a_page_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    monkeypatch.setitem(sys.modules, "werkzeug.debug", None)
    debugger = Debugger(DebuggerPolicy())
    assert debugger.pin is None
    answer = call(debugger.around(_failing), **HTML)
    assert "ZeroDivisionError: of mine" in answer.text
    assert "if Werkzeug is installed" in answer.text


def test_without_the_debugger_its_commands_are_the_apps():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["QUERY_STRING"].encode()]

    answer = call(_around(app, is_wanted=False), "/?__debugger__=yes")
    assert answer.text == "__debugger__=yes"


def test_the_console_has_a_path_of_its_own_and_the_apps_stays_the_apps():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the app's console"]

    debugged = _around(app)
    assert call(debugged, "/console", is_checked=False, **HTML).text == "the app's console"
    assert "Interactive Console" in call(debugged, CONSOLE_PATH, is_checked=False).text


def test_an_error_in_the_first_piece_is_answered_and_the_iterable_closed():
    closed = []

    class Pieces:
        def __iter__(self):
            raise LookupError("first")
            yield b""

        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Pieces()

    answer = call(_around(app), is_checked=False)
    assert answer.status.startswith("500")
    assert "LookupError: first" in answer.text
    assert closed == [True]


def test_an_error_behind_a_part_of_the_answer_breaks_it():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a part"
        raise LookupError("later")

    with pytest.raises(LookupError, match="later"):
        call(_around(app))


def test_files_reach_the_server_as_they_are(tmp_path):
    (tmp_path / "a").write_text("content")

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return FileWrapper((tmp_path / "a").open("rb"))

    answer = call(_around(app), is_checked=False)
    assert isinstance(answer.iterable, FileWrapper)


def test_what_is_raised_on_a_websocket_is_the_servers():
    with pytest.raises(ZeroDivisionError):
        call(_around(), HTTP_UPGRADE="websocket")
