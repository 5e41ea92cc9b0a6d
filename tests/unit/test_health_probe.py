"""What is asked, from an address or a URL; the asking is in `tests/e2e/test_health_command.py`."""

import pytest

from uncork.errors import UsageError
from uncork.health_probe import target_of_bind, target_of_url
from uncork.settings import parse_bind


@pytest.mark.parametrize(
    ("url", "address", "host", "path", "is_tls"),
    [
        ("http://localhost", ("localhost", 80), "localhost", "/", False),
        ("https://127.0.0.1/", ("127.0.0.1", 443), "127.0.0.1", "/", True),
        ("https://[::1]:8443/a?b=c", ("::1", 8443), "[::1]:8443", "/a?b=c", True),
        ("http://me:word@host:81/x", ("host", 81), "host:81", "/x", False),
    ],
)
def test_a_url_says_everything(url, address, host, path, is_tls):
    target = target_of_url(url)
    assert (target.url, target.address, target.host) == (url, address, host)
    assert (target.path, target.is_tls) == (path, is_tls)


@pytest.mark.parametrize("url", ["", "hello", "unix:/x", "http:///x", "http://a b/", "http://a:b/"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(UsageError):
        target_of_url(url)


@pytest.mark.parametrize(
    ("bind", "is_tls", "url", "host"),
    [
        ("0.0.0.0:8000", False, "http://127.0.0.1:8000/", "127.0.0.1:8000"),
        ("[::]:8000", False, "http://[::1]:8000/", "[::1]:8000"),
        ("127.0.0.1:80", False, "http://127.0.0.1/", "127.0.0.1"),
        ("127.0.0.1:80", True, "https://127.0.0.1:80/", "127.0.0.1:80"),
        ("localhost:443", True, "https://localhost/", "localhost"),
        ("unix:/run/x.sock", False, "unix:/run/x.sock /", "localhost"),
    ],
)
def test_an_address_that_is_listened_on_can_be_asked(bind, is_tls, url, host):
    target = target_of_bind(parse_bind(bind), "/", is_tls=is_tls)
    assert (target.url, target.host) == (url, host)
