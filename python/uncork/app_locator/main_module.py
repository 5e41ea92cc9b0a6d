"""Finds what `python -m NAME` would run, and imports no more of it than that would."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

from uncork.app_locator import importing
from uncork.errors import AppError


def is_name(text: str) -> bool:
    """Whether the text may name a module, and no file: names with dots between them."""
    return not text.endswith(".py") and all(part.isidentifier() for part in text.split("."))


def find(name: str, *, verbose: bool) -> ModuleSpec:
    """Of the module, or of the `__main__` of the package; the packages above are imported.

    Raises:
        AppError: There is none that can be run, or a package above it failed.
    """
    spec = _find(name, verbose=verbose)
    if spec is not None and spec.submodule_search_locations is not None:
        name = f"{name}.__main__"
        spec = _find(name, verbose=verbose)
    if spec is None:
        raise AppError(
            f"there is no module `{name}` to run",
            hints=("name a module as `python -m` takes it, or a file, as in `hello.py`",),
        )
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise AppError(
            f"the module `{name}` can't be run as a script", cause="it has no file of source code"
        )
    return spec


def _find(name: str, *, verbose: bool) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None
        raise importing.failure(
            error, f"`{name}`", importing.WHILE_IMPORTED, verbose=verbose
        ) from None
    except ValueError:
        return None  # a module without a spec, such as `__main__`
    except BaseException as error:
        raise importing.failure(
            error, f"`{name}`", importing.WHILE_IMPORTED, verbose=verbose
        ) from None
