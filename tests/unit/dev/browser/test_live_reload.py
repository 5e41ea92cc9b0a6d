import re
import threading

from tests.support.wsgi_client import Answer, call, steps
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


def test_a_stream_begins_with_the_state_and_tells_each_change():
    live = LiveReload()
    answer = Answer()
    events = steps(live.around(_page), LIVE_PATH, answer)
    assert next(events) == f"data: {live.state}\n\n".encode()
    assert answer.headers["content-type"] == "text/event-stream"
    start = live.state.split(".")[0]
    live.refresh("css")
    assert next(events) == f"data: {start}.0.1\n\n".encode()
    live.refresh("page")
    assert next(events) == f"data: {start}.1.1\n\n".encode()
    live.end()
    assert list(events) == []


def test_each_worker_has_a_number_of_its_own():
    assert LiveReload().state != LiveReload().state


def test_an_end_reaches_a_stream_that_waits_and_one_that_comes_later():
    live = LiveReload()
    app = live.around(_page)
    waiting = threading.Event()
    got = []

    def read():
        for piece in steps(app, LIVE_PATH, Answer()):
            got.append(piece)
            waiting.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert waiting.wait(10)
    live.end()
    reader.join(10)
    assert not reader.is_alive()
    assert len(got) == 1
    assert call(app, LIVE_PATH).body == b""
