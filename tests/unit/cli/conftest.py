import importlib
import os
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

import uncork
from uncork import cli
from uncork import supervisor as supervisor_package
from uncork.errors import AppError


@dataclass(frozen=True)
class FakeAppSpec:
    text: str | None
    source: str
    is_factory_call: bool = False


@dataclass(frozen=True)
class FakeLocatedApp:
    app: Any
    name: str = "hello:app"
    explanation: str = "named in the test"
    run_options: None = None
    warnings: tuple[str, ...] = ()


@dataclass
class FakeLocator:
    """Hands out `app`, and remembers how it was asked."""

    app: Any = None
    warnings: tuple[str, ...] = ()
    swallows: bool = False
    failure: AppError = field(default_factory=lambda: AppError("there is no app in this test"))
    spec: FakeAppSpec | None = None
    load_as: str | None = None
    script_arguments: tuple[str, ...] = ()
    verbose: bool | None = None

    def with_app(self, spec, use, *, load_as="auto", script_arguments=(), verbose=False):
        self.spec, self.load_as, self.verbose = spec, load_as, verbose
        self.script_arguments = script_arguments
        if self.app is None:
            raise self.failure
        try:
            use(FakeLocatedApp(self.app, warnings=self.warnings))
        except Exception:
            # As a script does that wraps its `app.run()`.
            if not self.swallows:
                raise


@dataclass
class FakeSupervisor:
    """Serves nothing, and remembers what it was given."""

    code: int = 0
    failure: BaseException | None = None
    served: list[tuple[Any, ...]] = field(default_factory=list)

    read_again: Any = None

    surroundings: Any = None

    def serve(self, resolved, spec, script_arguments, *, verbose, read_again, surroundings):
        self.read_again, self.surroundings = read_again, surroundings
        self.served.append((resolved, spec, script_arguments, verbose))
        if self.failure:
            raise self.failure
        return self.code


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code: {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


def _install(monkeypatch, name, package=uncork, **attributes):
    module = ModuleType(f"{package.__name__}.{name}")
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(package, name, module, raising=False)


@pytest.fixture
def locator(monkeypatch):
    fake = FakeLocator()
    _install(monkeypatch, "app_locator", AppSpec=FakeAppSpec, with_app=fake.with_app)
    return fake


@pytest.fixture
def supervisor(monkeypatch):
    fake = FakeSupervisor()
    _install(monkeypatch, "starting", supervisor_package, serve=fake.serve)
    return fake


@pytest.fixture
def run(monkeypatch, tmp_path, capsys, locator, supervisor):
    """Runs a command line in an empty folder with an empty environment.

    `run("serve", "hello:app", files={"uncork.toml": "…"}, PORT="80")`
    """

    def run_command(*arguments, files=None, **environ):
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        for name in list(os.environ):
            if name in ("PORT", "WEB_CONCURRENCY") or name.startswith(("UNCORK_", "FLASK_")):
                monkeypatch.delenv(name)
        for name, value in {"COLUMNS": "80", "NO_COLOR": "1", **environ}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        code = cli.main(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    before = dict(os.environ)
    yield run_command
    # A command puts what `.env` sets into the environment; that is its job.
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def app_module(tmp_path, monkeypatch):
    """Imports a module of the given source."""

    def load(source, name="hello"):
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return load
