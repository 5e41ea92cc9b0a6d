"""Decides whether a file is imported as a module or run as a script, without importing it.

A file is imported when that gives the app that its `__main__` block would have run, unchanged;
it is run when the block does more, because what it does there is part of the app.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from uncork.app_locator import frames, reading
from uncork.app_locator.reading import SourceFacts


@dataclass(frozen=True)
class RunCall:
    """The one call of a `__main__` block, when its options are plain literals."""

    runner: str
    line: int
    positional: tuple[object, ...]
    keywords: Mapping[str, object]


@dataclass(frozen=True)
class Decision:
    """Which way a file is taken, and why."""

    way: Literal["module", "script"]
    why: str
    run_call: RunCall | None = None
    """In module mode: what the `__main__` block would have given to its run call."""
    warnings: tuple[str, ...] = field(default=())


def decide(  # noqa: PLR0911 # one answer a line, in order
    file: Path, *, prefers_import: bool
) -> Decision:
    """The way to take the file.

    Args:
        file: A Python file; a broken one is imported, and the import says what is wrong.
        prefers_import: Import whenever that gives an app, as Flask's own command does.
    """
    facts = reading.read_source(file)
    name = f"`{frames.shown(file)}`"
    if facts is None:
        return Decision("module", f"{name} could not be read beforehand")
    if not facts.has_app:
        return _without_app(facts, name)
    if not facts.main_block and facts.unguarded_run is None:
        return Decision("module", f"{name} has its app at module level")
    run_call = _only_run_call(facts)
    if run_call is not None:
        why = f"{name} has its app at module level, and its `__main__` block only runs it"
        return Decision("module", why, run_call)
    if prefers_import:
        why = f"{name} has its app at module level, as Flask's own command would take it"
        return Decision("module", why, warnings=_not_run(facts, name))
    if facts.unguarded_run is not None:
        return Decision(
            "script", f"{name} runs its app at module level, line {facts.unguarded_run}"
        )
    if not (facts.main_runs or facts.run_in_function):
        return Decision("module", f"{name} has its app at module level, and never runs it")
    return Decision("script", _why_more(facts, name))


def _without_app(facts: SourceFacts, name: str) -> Decision:
    if facts.main_block:
        block = f"its `__main__` block, line {facts.main_line}, may run one"
        return Decision("script", f"{name} has no app at module level, and {block}")
    if facts.unguarded_run is not None or facts.run_in_function:
        return Decision("script", f"{name} has no app at module level, and runs one")
    return Decision("module", f"{name} never runs an app")


def _not_run(facts: SourceFacts, name: str) -> tuple[str, ...]:
    if not facts.main_block:
        return ()  # an unguarded run call is reported when it is passed over
    return (
        f"{_why_more(facts, name)}, and was not run; "
        f"`uncork serve {frames.shown(facts.path)}` runs it",
    )


def _why_more(facts: SourceFacts, name: str) -> str:
    """Why an import would not give what the `__main__` block gives."""
    block = f"the `__main__` block of {name}, line {facts.main_line},"
    statement = facts.main_block[0] if len(facts.main_block) == 1 else None
    call = statement.value if isinstance(statement, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    if (
        not isinstance(function, ast.Attribute)
        or not isinstance(function.value, ast.Name)
        or function.attr != "run"
        or function.value.id not in facts.app_names
    ):
        return f"{block} does more than run the app"
    run = f"`{function.value.id}.run()`"
    if facts.app_names[function.value.id]:
        return f"{block} computes what it gives to {run}"
    return f"{block} calls {run}, and only the call shows what is served"  # Dash, for one


def _only_run_call(facts: SourceFacts) -> RunCall | None:
    """The run call, if the block is nothing else and runs the very app that an import finds."""
    if not facts.main_is_plain or facts.unguarded_run is not None:
        return None
    statements = list(facts.main_block)
    app_name = _name_found_by_import(facts)
    if len(statements) == 2 and app_name is None:
        app_name = _assigned_from_factory(statements.pop(0), facts)
    if len(statements) != 1 or not isinstance(statements[0], ast.Expr):
        return None
    call = statements[0].value
    if not isinstance(call, ast.Call):
        return None
    return _read_call(call, app_name, facts)


def _name_found_by_import(facts: SourceFacts) -> str | None:
    for name in reading.APP_NAMES:
        if facts.app_names.get(name):
            return name
    certain = [name for name, is_certain in facts.app_names.items() if is_certain]
    return certain[0] if len(certain) == 1 and len(facts.app_names) == 1 else None


def _assigned_from_factory(statement: ast.stmt, facts: SourceFacts) -> str | None:
    if not isinstance(statement, ast.Assign) or not _is_factory_call(statement.value, facts):
        return None
    target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) else None


def _is_factory_call(value: ast.expr, facts: SourceFacts) -> bool:
    """`create_app()`, the one that an import would call, and in the same way."""
    if not isinstance(value, ast.Call) or value.args or value.keywords:
        return False
    known = facts.factory_names[:1]
    return isinstance(value.func, ast.Name) and value.func.id in known and not facts.app_names


def _read_call(call: ast.Call, app_name: str | None, facts: SourceFacts) -> RunCall | None:
    arguments = list(call.args)
    function = call.func
    is_method = isinstance(function, ast.Attribute) and function.attr == "run"
    owner = function.value if isinstance(function, ast.Attribute) else None
    if is_method and owner is not None and _is_app(owner, app_name, facts):
        runner = "app.run()"
    elif arguments and _is_uncork_run(function, facts) and _is_app(arguments[0], app_name, facts):
        runner = "uncork.run()"
        arguments.pop(0)
    elif (
        (is_method or reading.last_name(function) == "serve")
        and arguments
        and _is_app(arguments[0], app_name, facts)
    ):
        # `socketio.run(app, …)`, `serve(app, …)`, `waitress.serve(app, …)`
        runner = "waitress.serve()" if not is_method else f"{ast.unparse(function)}()"
        arguments.pop(0)
    else:
        return None
    if any(word.arg is None for word in call.keywords):
        return None
    try:
        positional = tuple(ast.literal_eval(argument) for argument in arguments)
        keywords = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (ValueError, TypeError):
        return None  # computed options: only running the block gives them
    return RunCall(runner, call.lineno, positional, keywords)


def _is_uncork_run(function: ast.expr, facts: SourceFacts) -> bool:
    """`run` after `from uncork import run`; `uncork.run` is as any other server's."""
    return isinstance(function, ast.Name) and function.id in facts.run_names


def _is_app(value: ast.expr, app_name: str | None, facts: SourceFacts) -> bool:
    if isinstance(value, ast.Name):
        return value.id == app_name
    return _is_factory_call(value, facts)
