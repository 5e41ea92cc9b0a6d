"""What a source file says about its app, read by `ast`; nothing of it is imported or run.

This file gathers facts, and decides nothing: `main_block` does.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from uncork.app_locator import frames

APP_NAMES = ("app", "application")
FACTORY_NAMES = ("create_app", "make_app")
_APP_MAKERS = frozenset(
    {"Flask", "Bottle", "get_wsgi_application", "make_wsgi_app", "default_app", *FACTORY_NAMES}
)
_APP_MAKERS_OF_FALCON = frozenset({"App", "API"})
_RUNNER_FUNCTIONS = frozenset({"run_simple", "serve", "run_server"})
_RUNNER_METHODS = frozenset({"run", "serve_forever", "run_server"})
# A module whose `run` serves: `subprocess.run` and `asyncio.run` do not.
_RUNNER_MODULES = frozenset({"bottle", "waitress", "uncork", "serving", "cheroot", "pywsgi"})


@dataclass(frozen=True)
class SourceFacts:
    """One file at module level, without what stands under its `__main__` guard."""

    path: Path
    bindings: Mapping[str, int]
    """Every name that is bound at module level, with its line."""
    app_names: Mapping[str, bool]
    """Names that may be bound to an app, and whether that is certain."""
    factory_names: tuple[str, ...]
    has_star_import: bool
    main_block: tuple[ast.stmt, ...]
    """What runs only as a script; empty when there is no guard."""
    main_line: int
    main_is_plain: bool
    """The guard is `if __name__ == "__main__":` and nothing more, and stands once."""
    main_runs: bool
    """It holds a call that would start a server."""
    unguarded_run: int | None
    """The line of a call at module level that would start a server."""
    run_in_function: bool
    """A function of the file holds such a call."""
    run_names: frozenset[str] = frozenset()
    """What `uncork.run` is called there, after `from uncork import run`."""

    @property
    def has_app(self) -> bool:
        """Whether an import seems to give an app."""
        return bool(self.app_names or self.factory_names or self.has_star_import)


@dataclass
class _Gathered:
    bindings: dict[str, int] = field(default_factory=dict)
    app_names: dict[str, bool] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    guards: list[ast.If] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    factories: list[str] = field(default_factory=list)
    functions_that_run: list[str] = field(default_factory=list)
    flask_classes: set[str] = field(default_factory=set)
    has_star_import: bool = False
    run_names: set[str] = field(default_factory=set)


def read_source(path: Path) -> SourceFacts | None:
    """The facts of the file; `None` when it cannot be read or is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the import will give them, once
            tree = ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    gathered = _Gathered()
    for statement in _module_level(tree.body, gathered.guards):
        _gather(statement, gathered)
    plain = len(gathered.guards) == 1 and isinstance(gathered.guards[0].test, ast.Compare)
    return SourceFacts(
        path=path,
        bindings=gathered.bindings,
        app_names=gathered.app_names,
        factory_names=tuple(name for name in FACTORY_NAMES if name in gathered.factories),
        has_star_import=gathered.has_star_import,
        main_block=tuple(line for guard in gathered.guards for line in guard.body),
        main_line=gathered.guards[0].lineno if gathered.guards else 0,
        main_runs=any(_leads_to_run(guard.body, gathered) for guard in gathered.guards),
        main_is_plain=plain and not gathered.guards[0].orelse,
        unguarded_run=min(gathered.runs, default=None),
        run_in_function=bool(gathered.functions_that_run),
        run_names=frozenset(gathered.run_names),
    )


def binding_lines(module: ModuleType) -> dict[str, str]:
    """Where each name of an imported module was bound, as in "hello.py:4"."""
    file = getattr(module, "__file__", None)
    facts = read_source(Path(file)) if file else None
    if facts is None:
        return {}
    name = frames.shown(facts.path)
    return {key: f"{name}:{line}" for key, line in facts.bindings.items()}


def last_name(expression: ast.expr) -> str:
    """The last part of a dotted name: "run" of `app.run`; empty for anything else."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


def _module_level(body: Sequence[ast.stmt], guards: list[ast.If]) -> Iterator[ast.stmt]:
    """The statements that run at import, those inside `if`, `try` and `with` included."""
    for statement in body:
        if isinstance(statement, ast.If) and _is_main_guard(statement.test):
            guards.append(statement)
            yield from _module_level(statement.orelse, guards)
            continue
        yield statement
        for name in ("body", "orelse", "finalbody"):
            if isinstance(statement, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
                yield from _module_level(getattr(statement, name, []), guards)
        for handler in getattr(statement, "handlers", []):
            yield from _module_level(handler.body, guards)


def _is_main_guard(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_is_main_guard(value) for value in test.values)
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = (test.left, *test.comparators)
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    texts = [side.value for side in sides if isinstance(side, ast.Constant)]
    return names == ["__name__"] and texts == ["__main__"]


def _gather(statement: ast.stmt, gathered: _Gathered) -> None:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        _gather_function(statement, gathered)
    elif isinstance(statement, ast.ClassDef):
        _bind(statement.name, statement, gathered, None)
        if any(last_name(base) in _APP_MAKERS for base in statement.bases):
            gathered.flask_classes.add(statement.name)
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        _gather_import(statement, gathered)
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            elements = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            for element in elements:
                if isinstance(element, ast.Name):
                    _bind(element.id, statement, gathered, statement.value)
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        _bind(statement.target.id, statement, gathered, statement.value)
    if isinstance(statement, (ast.Expr, ast.Assign)) and _leads_to_run([statement], gathered):
        gathered.runs.append(statement.lineno)


def _gather_function(
    statement: ast.FunctionDef | ast.AsyncFunctionDef, gathered: _Gathered
) -> None:
    gathered.bindings.setdefault(statement.name, statement.lineno)
    if statement.name in APP_NAMES:
        gathered.app_names[statement.name] = True
    if statement.name in FACTORY_NAMES or _returns_app(statement):
        gathered.factories.append(statement.name)
    if _leads_to_run(statement.body, gathered):
        gathered.functions_that_run.append(statement.name)


def _returns_app(statement: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    returned = statement.returns
    if isinstance(returned, ast.Constant) and isinstance(returned.value, str):
        return returned.value.rpartition(".")[2] == "Flask"
    return returned is not None and last_name(returned) == "Flask"


def _gather_import(statement: ast.Import | ast.ImportFrom, gathered: _Gathered) -> None:
    gathered.run_names.update(_run_names(statement))
    for alias in statement.names:
        name = alias.asname or alias.name.partition(".")[0]
        if alias.name == "*":
            # Bottle's and Flask's own names hold no app; a star from the user's code may.
            framework = isinstance(statement, ast.ImportFrom) and statement.module
            gathered.has_star_import |= framework not in ("bottle", "flask", "tkinter")
            continue
        gathered.bindings.setdefault(name, statement.lineno)
        if isinstance(statement, ast.Import):
            gathered.modules.add(name)
        elif name in APP_NAMES:
            gathered.app_names[name] = statement.module != "bottle"
        elif name in FACTORY_NAMES:
            gathered.factories.append(name)


def _bind(name: str, statement: ast.stmt, gathered: _Gathered, value: ast.expr | None) -> None:
    """Notes the name; without a value, it is a class, or annotated only, and no app."""
    gathered.bindings.setdefault(name, statement.lineno)
    is_certain = _makes_app(value, gathered)
    is_possible = name in APP_NAMES and not isinstance(value, (ast.Constant, ast.Dict, ast.List))
    if is_certain or (is_possible and value is not None):
        gathered.app_names[name] = is_certain


def _makes_app(value: ast.expr | None, gathered: _Gathered) -> bool:
    if not isinstance(value, ast.Call):
        return False
    name = last_name(value.func)
    if name in _APP_MAKERS or name in gathered.flask_classes:
        return True
    owner = value.func.value if isinstance(value.func, ast.Attribute) else None
    is_falcon = isinstance(owner, ast.Name) and owner.id == "falcon"
    return is_falcon and name in _APP_MAKERS_OF_FALCON


def _leads_to_run(statements: Sequence[ast.stmt], gathered: _Gathered) -> bool:
    """Whether they hold a run call, or name a function seen before that does."""
    for statement in statements:
        for node in ast.walk(statement):
            gathered.run_names.update(_run_names(node))
            if isinstance(node, ast.Call) and _is_run_call(node, gathered):
                return True
            if isinstance(node, ast.Name) and node.id in gathered.functions_that_run:
                return True
    return False


def _run_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.module == "uncork":
        yield from (alias.asname or "run" for alias in node.names if alias.name == "run")


def _is_run_call(call: ast.Call, gathered: _Gathered) -> bool:
    """Whether the call looks as if it would start a server, or hand one to a thread."""
    function = call.func
    if isinstance(function, ast.Name) and function.id == "run" and not gathered.run_names:
        return _names_address(call)
    given = [*call.args, *(word.value for word in call.keywords)]
    return any(_is_runner(value, gathered) for value in (function, *given))


def _is_runner(value: ast.expr, gathered: _Gathered) -> bool:
    if isinstance(value, ast.Name):
        return value.id in _RUNNER_FUNCTIONS or value.id in gathered.run_names
    if not isinstance(value, ast.Attribute):
        return False
    owner = last_name(value.value)
    if owner in gathered.modules or owner in _RUNNER_MODULES:
        return owner in _RUNNER_MODULES and value.attr in (*_RUNNER_FUNCTIONS, "run")
    return value.attr in _RUNNER_METHODS


def _names_address(call: ast.Call) -> bool:
    """`run(host=…, port=…)` is Bottle's; another function of that name takes other things."""
    known = {"host", "port", "server", "reloader", "app"}
    return not (call.args or call.keywords) or any(word.arg in known for word in call.keywords)
