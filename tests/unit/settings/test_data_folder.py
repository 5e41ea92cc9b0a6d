from pathlib import Path

import pytest

from uncork.settings import data_folder, is_localhost_name


@pytest.mark.parametrize(
    ("environ", "system", "expected"),
    [
        ({"HOME": "/home/bob"}, "linux", "/home/bob/.local/share/uncork"),
        ({"HOME": "/Users/bob"}, "darwin", "/Users/bob/Library/Application Support/uncork"),
        ({"HOME": "/home/bob", "XDG_DATA_HOME": "/data"}, "linux", "/data/uncork"),
        ({"XDG_DATA_HOME": "/data"}, "darwin", "/data/uncork"),
        ({"HOME": "/home/bob", "XDG_DATA_HOME": "data"}, "linux", "/home/bob/.local/share/uncork"),
        ({"HOME": ""}, "linux", None),
        ({}, "linux", None),
    ],
)
def test_the_folder_is_that_of_the_environment(environ, system, expected):
    assert data_folder(environ, system) == (Path(expected) if expected else None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("shop.localhost", True),
        ("a.b.LOCALHOST.", True),
        ("localhost", False),
        ("alocalhost", False),
    ],
)
def test_names_below_localhost_are_known(host, expected):
    assert is_localhost_name(host) is expected
