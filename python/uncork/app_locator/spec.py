"""Reads the text that names an app, `module:expression`, and never evaluates it.

The syntax is Flask's (`flask.cli.ScriptInfo.load_app`, `find_app_by_string`), with dotted
attributes besides: a path or module, and after the colon a name or a call with literals only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from uncork.errors import UsageError

# Flask's own: a colon before a slash belongs to a path, such as `C:\app.py`.
_COLON = re.compile(r":(?![\\/])")


@dataclass(frozen=True)
class Expression:
    """A name in a module, dotted or not, and the call of it, if it is to be called."""

    text: str
    attributes: tuple[str, ...]
    is_call: bool = False
    arguments: tuple[object, ...] = ()
    keywords: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name without the call, as in "factories.create_app"."""
        return ".".join(self.attributes)


@dataclass(frozen=True)
class ParsedSpec:
    """A path or module, and what to take from it; `None`: look for the app there."""

    path: str
    expression: Expression | None


def parse_spec(text: str, source: str) -> ParsedSpec:
    """The two halves of the text.

    Raises:
        UsageError: It is not a module or path, optionally with a name or a call of literals.
    """
    path, *rest = _COLON.split(text, maxsplit=1)
    if not path:
        raise UsageError(
            f"{source} names no module before the colon: `{text}`",
            hints=("name the module or file, as in `hello:app` or `hello.py:app`",),
        )
    if "\0" in text:
        raise UsageError(f"{source} contains a null character: {text!r}")
    return ParsedSpec(path, parse_expression(rest[0]) if rest else None)


def parse_expression(text: str) -> Expression:
    """The name or the call.

    Raises:
        UsageError: It is neither, or an argument is not a literal.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _unparsable(text) from None
    if isinstance(tree, ast.Call):
        attributes = _attributes(tree.func)
        if attributes is None:
            raise UsageError(
                f"function reference must be a simple name: `{text}`",
                hints=("write the name of the factory, as in `hello:create_app('x')`",),
            )
        arguments, keywords = _literals(tree, text)
        return Expression(text.strip(), attributes, True, arguments, keywords)
    attributes = _attributes(tree)
    if attributes is None:
        raise _unparsable(text)
    return Expression(text.strip(), attributes)


def _attributes(tree: ast.expr) -> tuple[str, ...] | None:
    names: list[str] = []
    while isinstance(tree, ast.Attribute):
        names.append(tree.attr)
        tree = tree.value
    return (tree.id, *reversed(names)) if isinstance(tree, ast.Name) else None


def _literals(call: ast.Call, text: str) -> tuple[tuple[object, ...], dict[str, object]]:
    keywords: dict[str, object] = {}
    try:
        arguments = tuple(ast.literal_eval(argument) for argument in call.args)
        for keyword in call.keywords:
            value = ast.literal_eval(keyword.value)
            # Flask drops `**{…}` without a word; a literal mapping can just as well be obeyed.
            keywords.update({keyword.arg: value} if keyword.arg is not None else value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise UsageError(
            f"failed to parse arguments as literal values: `{text}`",
            cause="the call is read, not run, so it takes no names and no expressions",
            hints=("pass text, numbers, `True`, `None`, or lists, tuples and dicts of them",),
        ) from None
    return arguments, keywords


def _unparsable(text: str) -> UsageError:
    return UsageError(
        f"failed to parse `{text}` as an attribute name or function call",
        hints=("write a name or a call, as in `hello:app` or `hello:create_app('x')`",),
    )
