import re
import socket

import pytest

from tests.support.wsgi_client import call
from uncork.dev.browser import LIVE_PATH, LiveReload


def _page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<!doctype html><p>hello"]


def _script_source(live, **given):
    return re.search(r'<script src="([^"]*)"', call(live.around(_page), **given).text)[1]


def test_a_page_says_its_own_state_in_the_address_of_the_script():
    live = LiveReload()
    assert _script_source(live) == f"/_uncork/live.js?{live.state}"


def test_the_script_lies_below_where_the_app_does():
    assert _script_source(LiveReload(), SCRIPT_NAME="/shop").startswith("/shop/_uncork/live.js?")


def test_the_script_is_javascript_that_no_policy_of_its_own_origin_forbids():
    answer = call(LiveReload().around(_page), "/_uncork/live.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "EventSource" in answer.text


def test_what_answers_a_form_says_so():
    assert ' data-method="POST"' in call(LiveReload().around(_page), REQUEST_METHOD="POST").text


class Page:
    """The client's end of a stream."""

    def __init__(self, app):
        ours, self._connection = socket.socketpair()
        with ours:
            call(app, LIVE_PATH, is_checked=False, **{"gunicorn.socket": ours})
        self._connection.settimeout(10)
        self._file = self._connection.makefile("rb")

    def head(self):
        return list(iter(lambda: self._file.readline().strip(), b""))

    def event(self):
        line = self._file.readline()
        assert self._file.readline() in (b"\n", b"")
        return line

    def close(self):
        self._file.close()
        self._connection.close()


@pytest.fixture
def live():
    live = LiveReload()
    yield live
    live.end()


@pytest.fixture
def page(live):
    page = Page(live.around(_page))
    yield page
    page.close()


def test_a_stream_begins_with_the_state_and_tells_each_change(live, page):
    assert b"Content-Type: text/event-stream" in page.head()
    start = live.state.split(".")[0]
    assert page.event() == f"data: {start}.0.0\n".encode()
    live.refresh("css")
    assert page.event() == f"data: {start}.0.1\n".encode()
    live.refresh("page")
    assert page.event() == f"data: {start}.1.1\n".encode()


def test_an_end_reaches_open_streams_and_those_that_come_later(live, page):
    page.head()
    page.event()
    live.end()
    assert page.event() == b""
    late = Page(live.around(_page))
    assert late.event() == b""
    late.close()


def test_a_page_that_has_gone_is_let_go_of(live, page):
    gone = Page(live.around(_page))
    gone.close()
    assert live.open_pages == 1
    live.refresh("page")
    assert live.open_pages == 1


def test_a_page_that_does_not_read_is_let_go_of(live, page):
    page.head()
    while live.open_pages:
        live.refresh("page")


def test_a_server_that_keeps_its_connections_has_no_streams():
    answer = call(LiveReload().around(_page), LIVE_PATH)
    assert answer.status.startswith("503")


def test_each_worker_has_a_number_of_its_own():
    assert LiveReload().state != LiveReload().state
