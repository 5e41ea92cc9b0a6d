import socket

from flask import Flask

from tests.support.wsgi_client import call
from uncork.app_locator import DebugOptions, RunOptions
from uncork.dev.browser import LIVE_PATH, DebuggerPolicy
from uncork.dev.desk import DevelopmentDesk

HTML = {"HTTP_ACCEPT": "text/html"}


class Link:
    def __init__(self):
        self.told = []

    def tell_supervisor(self, facts):
        self.told.append(facts)
        return True


def _page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<!doctype html>"]


def _failing(environ, start_response):
    raise LookupError


def _has_script(app):
    return b'<script src="/_uncork' in call(app, is_checked=False, **HTML).body


def test_everything_that_is_served_has_the_script():
    for serve in (
        lambda desk: desk.around(_page),
        lambda desk: desk.around(_failing),
        lambda desk: desk.instead_of_app(LookupError()),
        lambda desk: desk.after_death("it died"),
    ):
        assert _has_script(serve(DevelopmentDesk(DebuggerPolicy())))
        assert not _has_script(serve(DevelopmentDesk(DebuggerPolicy(), is_live=False)))


def test_the_supervisor_is_told_the_pin_and_what_else_is_to_be_told(tmp_path):
    desk = DevelopmentDesk(DebuggerPolicy(project=tmp_path), facts=lambda app, error: {"app": app})
    desk.around(_page)
    link = Link()
    desk.ready(link)
    (facts,) = link.told
    assert len(facts.pop("debugger_pin")) == 11
    assert facts == {"debugger_why_off": None, "app": _page}


def test_open_pages_hear_of_changes_until_the_worker_drains():
    desk = DevelopmentDesk(DebuggerPolicy())
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            given = {"gunicorn.socket": ours}
            call(desk.around(_page), LIVE_PATH, is_checked=False, **given)
        theirs.settimeout(10)
        desk.on_message({"refresh": "css"})
        desk.on_message({"something": "else"})
        desk.draining()
        received = b"".join(iter(lambda: theirs.recv(4096), b""))
    assert received.count(b"data: ") == 2


def test_without_live_reload_messages_and_the_end_mean_nothing():
    desk = DevelopmentDesk(DebuggerPolicy(), is_live=False)
    desk.on_message({"refresh": "page"})
    desk.draining()


def test_a_run_call_says_whether_there_is_a_debugger_unless_that_is_set():
    said = RunOptions("app.run()", "a.py:1", debugging=DebugOptions(use_debugger=False))
    for is_set in (False, True):
        desk = DevelopmentDesk(DebuggerPolicy(), is_debugger_set=is_set)
        assert "use_debugger" in desk.hear_run_call(said)
        link = Link()
        desk.ready(link)
        assert (link.told[0]["debugger_why_off"] is None) == is_set


def test_a_debugger_without_expressions_has_no_pin():
    desk = DevelopmentDesk(DebuggerPolicy())
    desk.hear_run_call(RunOptions("app.run()", "a.py:1", debugging=DebugOptions(use_evalex=False)))
    page = call(desk.around(_failing), is_checked=False, **HTML).body
    assert b"EVALEX = false" in page
    link = Link()
    desk.ready(link)
    assert link.told[0]["debugger_pin"] is None


def test_debug_of_a_run_call_is_the_app_s():
    app = Flask("x")
    desk = DevelopmentDesk(DebuggerPolicy())
    desk.hear_run_call(RunOptions("app.run()", "a.py:1", debugging=DebugOptions(debug=True)))
    desk.around(app)
    assert app.debug
