"""httpbin answers under uncork what it answers under Werkzeug's own server.

Each case is asked of both, byte for byte the same request, and the answers are compared: the
status, the reason, the headers apart from those that are the server's own, and the body.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.auth import HTTPDigestAuth

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

# `Transfer-Encoding` and `Connection` speak of one connection; the rest of these differ from
# second to second, or name the server.
NOT_COMPARED = {"connection", "date", "keep-alive", "server", "transfer-encoding"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40

Case = tuple[str, str, dict[str, Any]]


def asked(method: str, path: str, **options: Any) -> Case:
    return method, path, options


CASES = [
    # Inspection
    asked("GET", "/"),
    asked("GET", "/get"),
    asked("GET", "/get?a=1&a=2&b=caf%C3%A9&c=%20+"),
    asked("GET", "/headers", headers={"X-Some": "a", "X-Latin": "caf\xe9".encode("latin-1")}),
    asked("GET", "/ip"),
    asked("GET", "/user-agent", headers={"User-Agent": "tests"}),
    asked("HEAD", "/get"),
    asked("OPTIONS", "/get"),
    # Methods and bodies
    asked("POST", "/post", data={"a": "1", "b": ["2", "3"]}),
    asked("POST", "/post", json={"caf\u00e9": [1, None, "\u96ea"]}),
    asked("POST", "/post", data=bytes(range(256))),
    asked("POST", "/post", data=b""),
    asked("POST", "/post", data=b"x" * 2_000_000, headers={"Content-Type": "text/plain"}),
    asked("POST", "/post", files={"file": ("a.png", PNG, "image/png")}, data={"field": "value"}),
    asked(
        "POST",
        "/post",
        files=[("file", ("one.txt", b"one")), ("file", ("caf\u00e9.txt", b"two")), ("b", b"c")],
    ),
    asked("PUT", "/put", data=b"some text"),
    asked("PATCH", "/patch", json=[1, 2]),
    asked("DELETE", "/delete", data=b"why not"),
    asked("GET", "/anything/a/b%20c?d=e"),
    asked("POST", "/anything", data={"a": "b"}),
    asked("PUT", "/anything", json=1),
    asked("PATCH", "/anything", data=b"a"),
    asked("DELETE", "/anything"),
    asked("TRACE", "/anything"),
    # Statuses
    *(
        asked("GET", f"/status/{status}")
        for status in (200, 202, 204, 206, 301, 302, 304, 400, 401, 402, 404, 406, 407, 418)
    ),
    *(asked("GET", f"/status/{status}") for status in (429, 500, 502, 503, 599)),
    *(asked(method, "/status/201") for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD")),
    asked("GET", "/nowhere"),
    asked("POST", "/get"),
    # Redirects
    asked("GET", "/redirect/3"),
    asked("GET", "/relative-redirect/2"),
    asked("GET", "/absolute-redirect/2"),
    asked("GET", "/redirect-to?url=%2Fget%3Fa%3Db&status_code=307"),
    asked("POST", "/redirect-to", data={"url": "http://example.com/"}),
    # Headers and cookies
    asked("GET", "/response-headers?X-One=1&X-Two=2&X-Two=3"),
    asked("POST", "/response-headers?freeform=yes"),
    asked("GET", "/cookies", headers={"Cookie": "a=1; b=2"}),
    asked("GET", "/cookies/set?a=1&b=2"),
    asked("GET", "/cookies/set/a/1"),
    asked("GET", "/cookies/delete?a", headers={"Cookie": "a=1"}),
    # Who is it
    asked("GET", "/basic-auth/ada/secret"),
    asked("GET", "/basic-auth/ada/secret", auth=("ada", "secret")),
    asked("GET", "/basic-auth/ada/secret", auth=("ada", "wrong")),
    asked("GET", "/hidden-basic-auth/ada/secret", auth=("ada", "wrong")),
    asked("GET", "/bearer"),
    asked("GET", "/bearer", headers={"Authorization": "Bearer abc"}),
    # Caches and ranges
    asked("GET", "/cache", headers={"If-None-Match": "x"}),
    asked("GET", "/cache/60"),
    asked("GET", "/etag/abc"),
    asked("GET", "/etag/abc", headers={"If-None-Match": '"abc"'}),
    asked("GET", "/etag/abc", headers={"If-Match": '"other"'}),
    asked("GET", "/range/1000"),
    asked("GET", "/range/1000?chunk_size=10", headers={"Range": "bytes=100-299"}),
    asked("GET", "/range/1000", headers={"Range": "bytes=-10"}),
    asked("GET", "/range/1000", headers={"Range": "bytes=2000-"}),
    # Streams and data
    asked("GET", "/stream/5"),
    asked("GET", "/stream-bytes/5000?seed=1&chunk_size=100"),
    asked("GET", "/bytes/5000?seed=1"),
    asked("GET", "/drip?duration=0&delay=0&numbytes=50"),
    asked("GET", "/drip?duration=0&delay=0&numbytes=5&code=404"),
    asked("GET", "/delay/0"),
    asked("POST", "/delay/0", data={"a": "b"}),
    asked("GET", "/base64/aGVsbG8gd29ybGQ="),
    asked("GET", "/links/5/1"),
    # Kinds of content
    asked("GET", "/gzip"),
    asked("GET", "/deflate"),
    asked("GET", "/brotli"),
    asked("GET", "/encoding/utf8"),
    asked("GET", "/html"),
    asked("GET", "/json"),
    asked("GET", "/xml"),
    asked("GET", "/robots.txt"),
    asked("GET", "/deny"),
    asked("GET", "/forms/post"),
    *(asked("GET", f"/image/{kind}") for kind in ("png", "jpeg", "webp", "svg")),
    asked("GET", "/image", headers={"Accept": "image/webp"}),
    asked("GET", "/image", headers={"Accept": "text/plain"}),
    asked("HEAD", "/image/png"),
    asked("HEAD", "/stream/5"),
]


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("httpbin:app")


@pytest.fixture(scope="module")
def werkzeug() -> Iterator[str]:
    """The same app under Werkzeug's server, in a thread; its address."""
    import httpbin
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:
            pass

    with make_server("127.0.0.1", 0, httpbin.app, threaded=True, request_handler=Quiet) as peer:
        thread = threading.Thread(target=peer.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{peer.port}"
        peer.shutdown()
        thread.join()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def named_session(session: requests.Session) -> requests.Session:
    """Gives both servers the same name, which httpbin tells in its answers."""
    # It comes first, as in what most clients send.
    rest = dict(session.headers)
    session.headers.clear()
    session.headers.update({"Host": "httpbin.example", **rest})
    return session


def ask(session: requests.Session, url: str, method: str, path: str, **options: Any) -> Any:
    """What the answer says, as far as it is the app's."""
    options = {"allow_redirects": False, "timeout": 5, **options}
    session.cookies.clear()
    response = session.request(method, url + path, **options)
    kept = sorted(
        (name.lower(), sorted(value.split(", ")) if name == "Allow" else value)
        for name, value in response.raw.headers.items()
        if name.lower() not in NOT_COMPARED
    )
    return response.status_code, response.reason, kept, response.content


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{number}-{case[0]}-{case[1].partition('?')[0]}")
        for number, case in enumerate(CASES)
    ],
)
def test_the_answer_is_the_same(
    server: LiveServer, werkzeug: str, named_session: requests.Session, case: Case
) -> None:
    method, path, options = case
    if "files" in options:
        # A boundary is random: the body is made once, and sent to both.
        made = requests.Request(method, werkzeug + path, **options).prepare()
        options = {"data": made.body, "headers": {"Content-Type": made.headers["Content-Type"]}}
    ours = ask(named_session, server.url, method, path, **options)
    theirs = ask(named_session, werkzeug, method, path, **options)
    assert ours == theirs


def test_at_least_forty_endpoints_are_compared() -> None:
    endpoints = {path.partition("?")[0].split("/")[1] for _, path, _ in CASES}
    assert len(endpoints) >= 40


def test_redirects_are_followed_to_the_end(server: LiveServer, session: requests.Session) -> None:
    response = session.get(f"{server.url}/redirect/5", timeout=5)
    assert response.json()["url"] == f"{server.url}/get"
    assert len(response.history) == 5


def test_cookies_come_back(server: LiveServer, session: requests.Session) -> None:
    answer = session.get(f"{server.url}/cookies/set?a=1&b=2", timeout=5).json()
    assert answer == {"cookies": {"a": "1", "b": "2"}}


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
def test_digest_authentication(
    server: LiveServer, session: requests.Session, algorithm: str
) -> None:
    url = f"{server.url}/digest-auth/auth/ada/secret/{algorithm}"
    assert session.get(url, timeout=5).status_code == 401
    response = session.get(url, auth=HTTPDigestAuth("ada", "secret"), timeout=5)
    assert response.json() == {"authenticated": True, "user": "ada"}


def test_a_random_answer_has_its_form(server: LiveServer, session: requests.Session) -> None:
    assert re.fullmatch(
        r"[0-9a-f-]{36}", session.get(f"{server.url}/uuid", timeout=5).json()["uuid"]
    )
    assert len(session.get(f"{server.url}/bytes/100", timeout=5).content) == 100


@pytest.mark.parametrize("chunks", [[b"one", b"two"], [b"x" * 100_000] * 30])
def test_a_chunked_upload_is_answered_as_one_with_a_length(
    server: LiveServer, session: requests.Session, chunks: list[bytes]
) -> None:
    """httpbin refuses chunks (501) when the server leaves it to the app to join them."""
    sized = session.post(f"{server.url}/post", data=b"".join(chunks), timeout=5).json()
    chunked = session.post(f"{server.url}/post", data=iter(chunks), timeout=5).json()
    assert chunked["data"] == sized["data"]
    assert chunked["headers"]["Content-Length"] == sized["headers"]["Content-Length"]


def test_a_drip_drips(client: RawClient) -> None:
    client.send(b"GET /drip?duration=1&numbytes=5&delay=0 HTTP/1.1\r\nHost: test\r\n\r\n")
    received = b""
    while not received.partition(b"\r\n\r\n")[2]:
        received += client.connection.recv(4096)
    assert received.partition(b"\r\n\r\n")[2] in {b"*", b"**"}


@pytest.mark.slow
def test_a_delay_delays_its_own_request_only(server: LiveServer, session: requests.Session) -> None:
    answers: list[int] = []

    def ask_slowly() -> None:
        with requests.Session() as slow:
            answers.append(slow.get(f"{server.url}/delay/1", timeout=5).status_code)

    thread = threading.Thread(target=ask_slowly)
    thread.start()
    for _ in range(10):
        assert session.get(f"{server.url}/get", timeout=5).status_code == 200
    assert answers == []
    thread.join()
    assert answers == [200]
