"""`_native.pyi` says what the built module has, name for name and argument for argument."""

import ast
import inspect
from pathlib import Path

import pytest

import uncork
from uncork import _native

STUB = ast.parse((Path(uncork.__file__).parent / "_native.pyi").read_text())

# Only for type checkers: what `Worker` reads of its settings.
PROTOCOLS = {"WorkerSettings"}


def _public(names: set[str]) -> set[str]:
    return {name for name in names if not name.startswith("_") or name == "__version__"}


def _stub_members(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    members: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            members[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            members[node.target.id] = node
    return members


def _stub_arguments(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]


TOP = _stub_members(STUB.body)
CLASSES = sorted(
    name for name, node in TOP.items() if isinstance(node, ast.ClassDef) and name not in PROTOCOLS
)


def test_the_stub_names_what_the_module_has():
    assert _public(set(TOP)) - PROTOCOLS == _public(set(vars(_native)))


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_methods_of_its_stub(name: str):
    node = TOP[name]
    assert isinstance(node, ast.ClassDef)
    stubbed = _stub_members(node.body)
    assert _public(set(stubbed)) == _public(set(vars(getattr(_native, name))))
    for member, function in stubbed.items():
        if isinstance(function, ast.FunctionDef) and not member.startswith("__"):
            built = getattr(getattr(_native, name), member)
            if not callable(built):
                continue
            assert _stub_arguments(function) == list(inspect.signature(built).parameters), member


def test_a_function_has_the_arguments_of_its_stub():
    for name, node in TOP.items():
        if isinstance(node, ast.FunctionDef):
            built = list(inspect.signature(getattr(_native, name)).parameters)
            assert _stub_arguments(node) == built


def test_the_settings_of_a_worker_are_those_that_it_reads():
    from uncork.worker import WorkerSettings

    node = TOP["WorkerSettings"]
    assert isinstance(node, ast.ClassDef)
    assert set(_stub_members(node.body)) == set(WorkerSettings.__dataclass_fields__)
