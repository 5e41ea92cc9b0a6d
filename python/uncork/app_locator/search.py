"""Nothing was named: looks for the app where Flask looks, and then where platforms do.

`wsgi.py` and `app.py` are taken as they are. What follows is guessing by name, so such a file is
taken only if it reads as if it had an app; nothing is imported to find out.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from uncork.app_locator import reading
from uncork.errors import AppError

_FLASK_NAMES = ("wsgi", "app")
# FastAPI's, Azure's, Railpack's, Fly's, Elastic Beanstalk's and Passenger's names, in that order.
_PLATFORM_NAMES = (
    "main",
    "application",
    "hello",
    "server",
    "run",
    "api",
    "index",
    "start",
    "passenger_wsgi",
)
_PACKAGE_FILES = ("__init__", "wsgi", "app", "main")
_NOT_PACKAGES = frozenset({"test", "tests", "docs", "examples", "migrations", "scripts"})


def look_around(directory: Path) -> tuple[str, str]:
    """What to load, as one would have typed it, and a note for the banner on how it was chosen.

    Raises:
        AppError: Nothing looks like an app, or several packages do.
    """
    for name in _FLASK_NAMES:
        typed = _flask_would_import(directory, name)
        if typed is not None:
            return typed, ""
    for name in _PLATFORM_NAMES:
        path = directory / f"{name}.py"
        if path.is_file() and _looks_like_an_app(path):
            return path.name, f"`{path.name}` is the first file here that looks like an app; "
    packages = list(_packages_with_app(directory))
    if len(packages) > 1:
        raise _several(packages)
    if packages:
        return packages[0], f"`{packages[0]}` is the one file below that looks like an app; "
    raise _nothing(directory)


def _flask_would_import(directory: Path, name: str) -> str | None:
    if (directory / f"{name}.py").is_file():
        return f"{name}.py"
    if (directory / name / "__init__.py").is_file():
        return f"{name}/"
    if (directory / "__init__.py").exists():
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    # A folder without `__init__.py` has no origin: a namespace package, which holds no app.
    return name if spec is not None and spec.origin is not None else None


def _looks_like_an_app(path: Path) -> bool:
    facts = reading.read_source(path)
    if facts is None:
        return True  # broken: whoever typed `uncork serve` wants to know
    if facts.unguarded_run is not None or facts.run_in_function or facts.main_runs:
        return True
    return any(facts.app_names.values()) or bool(facts.factory_names)


def _packages_with_app(directory: Path) -> Iterator[str]:
    """One file for each package here or in `src/`: Django's `*/wsgi.py` is among them."""
    for parent in (directory, directory / "src"):
        folders = sorted(parent.iterdir()) if parent.is_dir() else []
        for folder in folders:
            if folder.name in _NOT_PACKAGES or not folder.name.isidentifier():
                continue
            if not (folder / "__init__.py").is_file():
                continue
            for name in _PACKAGE_FILES:
                path = folder / f"{name}.py"
                if path.is_file() and _has_app(path):
                    yield str(path.relative_to(directory))
                    break


def _has_app(path: Path) -> bool:
    facts = reading.read_source(path)
    if facts is None:
        return False
    return any(facts.app_names.values()) or bool(facts.factory_names)


def _several(packages: list[str]) -> AppError:
    names = ", ".join(f"`{name}`" for name in packages[:5])
    return AppError(
        "could not locate an application: several packages look like one",
        cause=f"nothing was named, and there are {names}{' …' if len(packages) > 5 else ''}",
        hints=(f"name the one to serve, as in `uncork serve {packages[0]}`",),
    )


def _nothing(directory: Path) -> AppError:
    alike = [path.name for path in sorted(directory.glob("*.py")) if _has_app_or_runs(path)][:3]
    hints = tuple(f"`{name}` looks like one: `uncork serve {name}`" for name in alike)
    return AppError(
        "could not locate an application",
        cause=f"nothing was named, and there is no `wsgi.py` or `app.py` in `{directory}`",
        hints=hints
        or (
            "name a file or module: `uncork serve hello.py` or `uncork serve package:app`",
            "or set `UNCORK_APP` or `FLASK_APP`",
        ),
    )


def _has_app_or_runs(path: Path) -> bool:
    return reading.read_source(path) is not None and _looks_like_an_app(path)
