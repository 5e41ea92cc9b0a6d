import re

import pytest

from uncork.dev.watching.globs import glob_regex, is_glob


@pytest.mark.parametrize(
    ("pattern", "matched", "unmatched"),
    [
        ("/a/*.py", ["/a/b.py", "/a/.py"], ["/a/b/c.py", "/a/b.pyc"]),
        ("/a/**/*.py", ["/a/b.py", "/a/b/c/d.py"], ["/ab/c.py"]),
        ("/a/**", ["/a/b", "/a/b/c"], ["/a", "/ab"]),
        ("/a/b?", ["/a/bc"], ["/a/b", "/a/b/"]),
        ("[!a-c]x", ["dx"], ["ax", "/x"]),
        ("[]]x", ["]x"], ["[x"]),
        ("a[b", ["a[b"], ["ab"]),
        (r"\*x", ["*x"], ["ax"]),
        ("a.py", ["a.py"], ["axpy"]),
    ],
)
def test_a_glob_matches_as_a_shell_does(pattern, matched, unmatched):
    regex = re.compile(glob_regex(pattern))
    assert [each for each in matched if not regex.fullmatch(each)] == []
    assert [each for each in unmatched if regex.fullmatch(each)] == []


def test_what_stands_for_itself_is_no_glob():
    assert not is_glob("/a/b.py")
    assert is_glob("/a/*.py")
