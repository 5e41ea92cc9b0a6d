"""The text that names an app is read, and never evaluated."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uncork.app_locator.spec import parse_expression, parse_spec
from uncork.errors import UsageError


@pytest.mark.parametrize(
    ("text", "path", "expression"),
    [
        ("hello", "hello", None),
        ("hello:app", "hello", "app"),
        ("pkg.mod:a.b", "pkg.mod", "a.b"),
        (r"C:\site\hello.py", r"C:\site\hello.py", None),
        (r"C:\site\hello.py:app", r"C:\site\hello.py", "app"),
        ("C:/site/hello.py:app", "C:/site/hello.py", "app"),
        ("hello:f('a:b')", "hello", "f('a:b')"),
    ],
)
def test_the_first_colon_that_is_not_of_a_path_divides(
    text: str, path: str, expression: str | None
) -> None:
    parsed = parse_spec(text, "the argument")
    assert parsed.path == path
    assert (parsed.expression.text if parsed.expression else None) == expression


def test_a_call_has_literals_only() -> None:
    parsed = parse_expression("make.app('a', -1, [2], k={'x': None}, **{'y': True})")
    assert parsed.attributes == ("make", "app")
    assert parsed.arguments == ("a", -1, [2])
    assert parsed.keywords == {"k": {"x": None}, "y": True}
    assert parsed.is_call


@pytest.mark.parametrize(
    "text", ["f(x)", "f(1 + x)", "f(*[1])", "f(**x)", "f({[]: 1})", "f(lambda: 1)", "f(f())"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="failed to parse arguments as literal values"):
        parse_expression(text)


@given(st.text(max_size=40))
def test_no_text_makes_it_fail_in_another_way(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_spec(text, "the argument")
    with contextlib.suppress(UsageError):
        parse_expression(f"f({text})")


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_a_text_that_is_nested_too_deeply_is_refused() -> None:
    for text in ("(" * 5000, "f(" + "[" * 500 + "]" * 500 + ")", "-" * 100_000 + "1"):
        with pytest.raises(UsageError):
            parse_expression(text)
