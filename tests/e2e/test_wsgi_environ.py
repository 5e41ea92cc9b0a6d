"""What an app finds in its environ (PEP 3333, "environ Variables")."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Serve
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient


@pytest.fixture(scope="module")
def server(serve: Serve) -> LiveServer:
    return serve("environs:app")


def shown(client: RawClient, request: bytes) -> dict[str, Any]:
    response = client.request(request)
    assert response.status == 200, response
    answer: dict[str, Any] = json.loads(response.body)
    return answer


def values(client: RawClient, request: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = shown(client, request)["values"]
    return answer


def get(client: RawClient, target: str = "/", *headers: str) -> dict[str, Any]:
    lines = [f"GET {target} HTTP/1.1", "Host: test", *headers, "", ""]
    return values(client, "\r\n".join(lines).encode("latin-1"))


def test_the_environ_is_a_plain_dict_of_native_strings(client: RawClient) -> None:
    answer = shown(client, b"GET /?a=b HTTP/1.1\r\nHost: test\r\nX-A: b\r\n\r\n")
    assert answer["type"] == "dict"
    assert answer["keys"] == ["str"]
    for key, kind in answer["types"].items():
        if not key.startswith(("wsgi.", "uncork.")):
            assert kind == "str", key


def test_the_variables_of_wsgi_are_there(client: RawClient) -> None:
    answer = shown(client, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    types, found = answer["types"], answer["values"]
    assert (types["wsgi.version"], found["wsgi.version"]) == ("tuple", [1, 0])
    assert found["wsgi.url_scheme"] == "http"
    assert found["wsgi.multithread"] is True
    assert types["wsgi.multiprocess"] == "bool"
    assert found["wsgi.run_once"] is False
    assert found["wsgi.input_terminated"] is True
    assert {"wsgi.input", "wsgi.errors", "wsgi.file_wrapper"} <= set(types)


def test_the_server_names_itself_and_its_address(server: LiveServer, client: RawClient) -> None:
    found = get(client)
    assert found["SERVER_SOFTWARE"].startswith("uncork/")
    assert found["SERVER_NAME"] == "127.0.0.1"
    assert found["SERVER_PORT"] == str(server.addresses[0][1])


def test_the_host_header_does_not_change_the_server_s_address(
    server: LiveServer, client: RawClient
) -> None:
    found = values(client, b"GET / HTTP/1.1\r\nHost: evil.example:81\r\n\r\n")
    assert found["HTTP_HOST"] == "evil.example:81"
    assert found["SERVER_NAME"] == "127.0.0.1"
    assert found["SERVER_PORT"] == str(server.addresses[0][1])


def test_the_peer_s_address_is_given(client: RawClient) -> None:
    found = get(client)
    host, port = client.connection.getsockname()
    assert (found["REMOTE_ADDR"], found["REMOTE_PORT"]) == (host, str(port))


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_the_protocol_is_the_request_s(client: RawClient, version: str) -> None:
    found = values(client, f"GET / {version}\r\nHost: test\r\n\r\n".encode())
    assert found["SERVER_PROTOCOL"] == version


def test_a_request_without_a_host_still_has_a_server_name(client: RawClient) -> None:
    found = values(client, b"GET / HTTP/1.0\r\n\r\n")
    assert "HTTP_HOST" not in found
    assert found["SERVER_NAME"] == "127.0.0.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_the_method_is_passed_on(client: RawClient, method: str) -> None:
    found = values(client, f"{method} / HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    assert found["REQUEST_METHOD"] == method


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a%20b", "/a b"),
        ("/caf%C3%A9", "/caf\xc3\xa9"),
        ("/%E9", "/\xe9"),
        ("/%2F%3f%23%25", "//?#%"),
        ("/a+b", "/a+b"),
        ("//a/../b/./", "//a/../b/./"),
        ("/%2e%2e/", "/../"),
        ("/a%zz%2", "/a%zz%2"),
        ("/a;b=c", "/a;b=c"),
    ],
)
def test_the_path_is_decoded_once_and_to_latin_1(client: RawClient, target: str, path: str) -> None:
    found = get(client, target)
    assert found["SCRIPT_NAME"] == ""
    assert found["PATH_INFO"] == path


@pytest.mark.parametrize("query", ["", "a=b", "a=%20b&c=d+e", "?a?b", "caf%C3%A9", "=%zz"])
def test_the_query_is_passed_on_as_it_is(client: RawClient, query: str) -> None:
    found = get(client, f"/path?{query}")
    assert found["PATH_INFO"] == "/path"
    assert found["QUERY_STRING"] == query


def test_without_a_query_the_string_is_empty(client: RawClient) -> None:
    assert get(client, "/path").get("QUERY_STRING", "") == ""


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize("target", ["/a%20b/%2F?x=%20&y", "/", "/?", "//x"])
def test_the_target_is_also_given_as_it_came(client: RawClient, name: str, target: str) -> None:
    assert get(client, target)[name] == target


def test_a_target_that_is_a_url_names_the_host(client: RawClient) -> None:
    request = b"GET http://other.example:81/p%20q?r HTTP/1.1\r\nHost: test\r\n\r\n"
    found = values(client, request)
    assert (found["PATH_INFO"], found["QUERY_STRING"]) == ("/p q", "r")
    assert found["HTTP_HOST"] == "other.example:81"  # RFC 9112 §3.2.2


def test_options_of_the_whole_server_has_the_path_of_its_root(client: RawClient) -> None:
    """`*` is no path: WSGI's begin with a slash, or are empty."""
    found = values(client, b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n")
    assert found["PATH_INFO"] in {"", "/"}
    assert found["RAW_URI"] == "*"


def test_content_type_and_length_are_absent_when_the_request_has_none(client: RawClient) -> None:
    found = get(client)
    assert "CONTENT_TYPE" not in found
    assert "CONTENT_LENGTH" not in found


def test_content_type_and_length_have_no_prefix(client: RawClient) -> None:
    found = values(
        client,
        b"POST / HTTP/1.1\r\nHost: test\r\ncontent-type: text/plain; a=b\r\n"
        b"content-length: 3\r\n\r\nabc",
    )
    assert found["CONTENT_TYPE"] == "text/plain; a=b"
    assert found["CONTENT_LENGTH"] == "3"
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(found)


def test_an_empty_body_has_a_length(client: RawClient) -> None:
    found = values(client, b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
    assert found["CONTENT_LENGTH"] == "0"


def test_a_chunked_body_comes_with_its_length(client: RawClient) -> None:
    found = values(
        client,
        b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
    )
    assert found["CONTENT_LENGTH"] == "7"
    assert "HTTP_TRANSFER_ENCODING" not in found


def test_headers_become_variables(client: RawClient) -> None:
    found = get(client, "/", "X-Some-Name:  some value \t", "x-lower: a", "X-Empty:", "X-1: \xe9")
    assert found["HTTP_X_SOME_NAME"] == "some value"
    assert found["HTTP_X_LOWER"] == "a"
    assert found["HTTP_X_EMPTY"] == ""
    assert found["HTTP_X_1"] == "\xe9"


def test_a_header_that_comes_twice_is_joined_by_commas(client: RawClient) -> None:
    found = get(client, "/", "X-A: 1", "Accept: a, b", "x-a: 2", "X-A: 3", "Accept: c")
    assert found["HTTP_X_A"] == "1, 2, 3"
    assert found["HTTP_ACCEPT"] == "a, b, c"


def test_cookies_are_joined_by_semicolons(client: RawClient) -> None:
    found = get(client, "/", "Cookie: a=1", "X-A: x", "cookie: b=2; c=3")
    assert found["HTTP_COOKIE"] == "a=1; b=2; c=3"


def test_a_header_cannot_pass_for_a_proxy_setting(client: RawClient) -> None:
    assert "HTTP_PROXY" not in get(client, "/", "Proxy: http://evil.example")


def test_an_underscore_cannot_pass_for_a_hyphen(client: RawClient) -> None:
    found = get(client, "/", "X_Forwarded_For: 6.6.6.6", "Content_Length: 5", "Content_Type: a/b")
    assert "6.6.6.6" not in found.values()
    assert not {"CONTENT_LENGTH", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & set(found)


def test_an_underscore_does_not_add_to_the_real_header(client: RawClient) -> None:
    found = get(client, "/", "X-User: real", "X_User: evil")
    assert found["HTTP_X_USER"] == "real"


def test_each_request_has_an_environ_of_its_own(client: RawClient) -> None:
    post = (
        b"POST /first?q HTTP/1.1\r\nHost: test\r\nX-A: b\r\nContent-Type: a/b\r\n"
        b"Content-Length: 1\r\n\r\nx"
    )
    assert values(client, post)["HTTP_X_A"] == "b"
    second = get(client, "/second")
    assert not {"HTTP_X_A", "CONTENT_TYPE", "CONTENT_LENGTH"} & set(second)
    assert second.get("QUERY_STRING", "") == ""
    assert second["REQUEST_METHOD"] == "GET"


def test_a_target_that_comes_again_and_again_is_not_taken_for_the_next_one(
    client: RawClient,
) -> None:
    targets = [
        "/a%20b",
        "/a%20b",
        "/a%20b",
        "/a%20b?q",
        "/a%20b",
        "/c",
        "/a%20b",
        "/c",
        "/c",
        "/c",
        "/",
    ]
    for target in targets:
        found = get(client, target)
        assert (found["RAW_URI"], found["REQUEST_URI"]) == (target, target)
        path, _, query = target.partition("?")
        assert found["PATH_INFO"] == path.replace("%20", " ")
        assert found.get("QUERY_STRING", "") == query


def test_the_server_s_own_environment_is_not_in_it(client: RawClient) -> None:
    assert "PATH" not in get(client)
