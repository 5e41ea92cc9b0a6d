import socket

import pytest

from uncork.dev.browser.trust import is_loopback, is_trusted


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "app.localhost", "LOCALHOST."]
)
def test_these_are_this_machine_only(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "notlocalhost"])
def test_these_are_reached_from_elsewhere(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "header",
    ["localhost", "localhost:5000", "127.0.0.1:80", "[::1]:5000", "a.b.localhost:1", "shop.test"],
)
def test_names_of_this_machine_are_trusted(header):
    assert is_trusted(header, (), trusts_network=False)


@pytest.mark.parametrize(
    "header", [None, "", "evil.example", "localhost.evil.example", "localhost@evil", "10.0.0.1"]
)
def test_other_names_are_not(header):
    assert not is_trusted(header, ("127.0.0.1",), trusts_network=False)


def test_the_host_that_was_given_is_trusted():
    assert is_trusted("dev.example:5000", ("dev.example",), trusts_network=False)


def test_in_the_network_each_address_is_trusted_and_no_name_that_somebody_else_could_have():
    def trusted(header):
        return is_trusted(header, ("0.0.0.0",), trusts_network=True)

    assert trusted("192.168.1.2:5000")
    assert trusted("[fe80::1]:5000")
    assert trusted(f"{socket.gethostname()}:5000")
    assert not trusted("evil.example:5000")
