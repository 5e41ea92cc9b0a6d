import pytest

from uncork.settings import BadValueError, Bind, parse_bind
from uncork.settings.bind import MAX_UNIX_PATH_BYTES


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:8000", Bind("tcp", host="127.0.0.1", port=8000)),
        ("0.0.0.0:0", Bind("tcp", host="0.0.0.0", port=0)),
        ("localhost:65535", Bind("tcp", host="localhost", port=65535)),
        ("my-host.example.com:80", Bind("tcp", host="my-host.example.com", port=80)),
        ("my_service:80", Bind("tcp", host="my_service", port=80)),
        ("example.com.:80", Bind("tcp", host="example.com.", port=80)),
        ("a:1", Bind("tcp", host="a", port=1)),
        ("[::1]:8000", Bind("tcp", host="::1", port=8000)),
        ("[::]:0", Bind("tcp", host="::", port=0)),
        ("[fe80::1%eth0]:80", Bind("tcp", host="fe80::1%eth0", port=80)),
        ("unix:/run/app.sock", Bind("unix", path="/run/app.sock")),
        ("unix:app.sock", Bind("unix", path="app.sock")),
        ("unix:/with space", Bind("unix", path="/with space")),
        ("fd://0", Bind("fd", descriptor=0)),
        ("fd://12", Bind("fd", descriptor=12)),
        ("fd://hello.socket", Bind("fd", name="hello.socket")),
        ("fd://2nd", Bind("fd", name="2nd")),
    ],
)
def test_an_address_is_read_and_written_back_as_it_was(text, bind):
    assert parse_bind(text) == bind
    assert bind.text == text


def test_a_unix_path_with_three_slashes_is_absolute():
    assert parse_bind("unix:///run/app.sock") == Bind("unix", path="/run/app.sock")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("8000", "`127.0.0.1:8000`"),
        (":8000", "`0.0.0.0:8000`"),
        ("*:8000", "`[::]:8000`"),
        ("localhost", "host:port"),
        ("", "host:port"),
        ("localhost:", "port"),
        ("localhost:http", "port"),
        ("localhost:65536", "65535"),
        ("localhost:-1", "port"),
        ("localhost:080", "port"),
        ("localhost:٨٠", "port"),
        ("localhost: 80", "port"),
        ("::1", "`[::1]:8000`"),
        ("::1:8000", "`["),
        ("fe80::1:8000", "["),
        ("a:b:c", "[ipv6]:port"),
        ("[::1]", "[::1]:8000"),
        ("[::1:8000", "[::1]:8000"),
        ("[1.2.3.4]:80", "[::1]:8000"),
        ("[localhost]:80", "[::1]:8000"),
        ("256.0.0.1:80", "127.0.0.1:8000"),
        ("127.1:80", "127.0.0.1:8000"),
        ("010.0.0.1:80", "127.0.0.1:8000"),
        ("ho st:80", "host:port"),
        ("host/path:80", "host:port"),
        ("-host:80", "host:port"),
        ("a..b:80", "host:port"),
        ("bücher.example:80", "host:port"),
        ("http://127.0.0.1:8000/", "`127.0.0.1:8000`"),
        ("https://example.com", "`example.com:8000`"),
        ("tcp://", "`127.0.0.1:8000`"),
        ("a:1,b:2", "repeat"),
        ("unix:", "unix:/path"),
        ("unix:/run/", "unix:/path"),
        ("unix:a\0b", "unix:/path"),
        ("unix:@name", "unix:/path"),
        ("unix://run/app.sock", "`unix:/run/app.sock`"),
        ("unix:/" + "x" * MAX_UNIX_PATH_BYTES, "shorter"),
        ("unix:/" + "ü" * (MAX_UNIX_PATH_BYTES // 2 + 1), "shorter"),
        ("fd:3", "fd://3"),
        ("fd://", "fd://3"),
        ("fd:x", "fd://3"),
        ("fd://a:b", "fd://3"),
        ("fd://-1", "fd://3"),
        ("fd://03", "fd://3"),
        ("fd://99999999", "fd://3"),
    ],
)
def test_an_address_that_can_be_misread_is_refused_with_what_to_write(text, hint):
    with pytest.raises(BadValueError) as caught:
        parse_bind(text)
    assert hint in caught.value.hint
    assert caught.value.cause


def test_a_unix_path_of_just_the_size_that_the_system_takes_is_read():
    path = "/" + "x" * (MAX_UNIX_PATH_BYTES - 1)
    assert parse_bind("unix:" + path).path == path
