import io
from wsgiref.util import FileWrapper

import pytest

from tests.support.wsgi_client import Answer, call, steps
from uncork.dev.browser.insertion import inserting

PAGE = b"<!doctype html><html lang=en><head><title>A</title></head><body>b</body></html>"
TAG = b"<i>"


def _app(*pieces, status="200 OK", content_type="text/html; charset=utf-8", **fields):
    def app(environ, start_response):
        headers = [("Content-Type", content_type)]
        headers += [(name.replace("_", "-"), value) for name, value in fields.items()]
        start_response(status, headers)
        return list(pieces)

    return app


def _with_tag(app):
    return inserting(app, lambda environ, nonce: TAG)


def _body(*pieces, **given):
    return call(_with_tag(_app(*pieces)), **given).body


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<!doctype html><html lang=en><head>", b"<title>"),
        (b'<!DOCTYPE html>\n<HTML class="a>b">\n<HEAD id=x>', b"\n<title>"),
        (b"<!doctype html>\n<html lang=en>", b"\n<title>404 Not Found</title>"),
        (b"<!doctype html>", b"\n<title>no html tag</title>"),
        (b"<html><head>", b"<title>no type</title>"),
        (b"\xef\xbb\xbf <!-- made by x > y -->\n<!doctype html><html><head>", b"<title>"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html><head>', b"<title>"),
        (b"<!doctype html>", b"<header>not a head</header>"),
    ],
)
def test_the_tag_stands_at_the_begin_of_the_head(before, after):
    assert _body(before + after) == before + TAG + after


@pytest.mark.parametrize("body", [b"<p>a piece</p>", b'{"a": "<html>"}', b"", b"  ", b"text"])
def test_a_piece_of_html_stays_as_it_is(body):
    assert _body(body) == body


def test_what_the_browser_is_to_show_is_a_page_even_if_it_does_not_look_like_one():
    assert _body(b"<p>Hello</p>", HTTP_SEC_FETCH_DEST="document") == TAG + b"<p>Hello</p>"


def test_what_a_script_fetches_is_no_page():
    assert _body(PAGE, HTTP_SEC_FETCH_DEST="empty") == PAGE


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("206 Partial Content", {"Content_Range": "bytes 0-9/99"}),
        ("302 Found", {"Location": "/a"}),
        ("200 OK", {"Content_Encoding": "gzip"}),
        ("200 OK", {"Content_Disposition": "attachment; filename=a.html"}),
        ("200 OK", {"content_type": "text/html-not"}),
        ("200 OK", {"content_type": "application/xhtml+xml"}),
        ("200 OK", {"content_type": "text/html; charset=utf-16"}),
    ],
)
def test_other_answers_stay_as_they_are(status, fields):
    answer = call(_with_tag(_app(PAGE, status=status, ETag='"a"', **fields)))
    assert answer.body == PAGE
    assert answer.headers["etag"] == '"a"'


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_keeps_its_fields(status):
    app = _app(status=status, ETag='"a"')
    answer = call(_with_tag(app), is_checked=False)
    assert (answer.status, answer.body, answer.headers["etag"]) == (status, b"", '"a"')


def test_a_head_request_is_answered_as_the_app_does():
    answer = call(_with_tag(_app(Content_Length="79")), REQUEST_METHOD="HEAD")
    assert answer.headers["content-length"] == "79"


def test_an_error_page_gets_the_tag_too():
    answer = call(_with_tag(_app(PAGE, status="404 Not Found")))
    assert TAG in answer.body


def test_the_length_is_corrected_and_what_the_bytes_were_called_is_dropped():
    fields = {"Content_Length": str(len(PAGE)), "ETag": '"a"', "Last_Modified": "x", "X_A": "b"}
    answer = call(_with_tag(_app(PAGE, **fields)))
    assert answer.headers.pop("content-type").startswith("text/html")
    assert answer.headers == {"content-length": str(len(PAGE) + len(TAG)), "x-a": "b"}


def test_a_nonce_of_the_page_is_told():
    app = _app(PAGE, Content_Security_Policy="default-src 'self'; script-src 'nonce-aB3=' 'self'")
    tagged = inserting(app, lambda environ, nonce: f"<{nonce}>".encode())
    assert b"<aB3=>" in call(tagged).body


def test_streamed_pieces_go_on_as_they_come():
    made = []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        for piece in (b"<!doctype html>", b"<p>1", b"", b"<p>2"):
            made.append(piece)
            yield piece

    tagged = _with_tag(app)
    sent = []
    for piece in steps(tagged, "/", Answer()):
        sent.append(piece)
        assert len(made) == len(sent)
    assert sent == [b"<!doctype html>" + TAG, b"<p>1", b"", b"<p>2"]


def test_a_page_whose_begin_comes_in_pieces_is_held_back_until_it_is_one():
    assert _body(b"", b"\n", b"<!doc", b"type html>", b"<p>") == b"\n<!doctype html>" + TAG + b"<p>"


def test_what_never_becomes_a_page_is_given_whole():
    assert _body(b"<!doc", b"ument") == b"<!document"


def test_a_page_that_is_written_gets_the_tag():
    def app(environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/html")])
        write(b"<!doctype html>")
        write(b"<p>1")
        return [b"<p>2"]

    answer = call(_with_tag(app))
    assert answer.pieces == [b"<!doctype html>" + TAG, b"<p>1", b"<p>2"]


def test_a_file_that_is_no_page_reaches_the_server_as_it_is():
    wrapped = FileWrapper(io.BytesIO(b"abc"))

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "image/png")])
        return wrapped

    assert call(_with_tag(app), is_checked=False).iterable is wrapped


@pytest.mark.parametrize("content_type", ["text/html", "text/plain"])
def test_the_iterable_is_closed_once(content_type):
    class Pieces(list):
        closed = 0

        def close(self):
            self.closed += 1

    pieces = Pieces([PAGE])

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", content_type)])
        return pieces

    call(_with_tag(app))
    assert pieces.closed == 1


def test_an_app_may_change_its_mind_before_the_first_bytes():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        try:
            raise ValueError
        except ValueError as error:
            exc_info = (type(error), error, error.__traceback__)
            start_response("500 Oh", [("Content-Type", "text/plain")], exc_info)
        return [PAGE]

    answer = call(_with_tag(app))
    assert (answer.status, answer.body) == ("500 Oh", PAGE)


def test_an_app_that_starts_late_gets_the_tag():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        yield PAGE

    assert TAG in call(_with_tag(app)).body


def test_what_is_raised_after_the_first_bytes_comes_up_again():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html")])
        yield PAGE
        try:
            raise ValueError("late")
        except ValueError as error:
            exc_info = (type(error), error, error.__traceback__)
            start_response("500 Oh", [("Content-Type", "text/html")], exc_info)

    with pytest.raises(ValueError, match="late"):
        call(_with_tag(app))
