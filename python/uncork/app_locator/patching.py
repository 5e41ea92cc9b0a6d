"""Replaces attributes of modules as soon as they are loaded, and puts all of them back.

Nothing is imported for it: a module that is loaded already is patched at once, any other one
right after its own import has run, by a finder at the front of `sys.meta_path`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_ORIGINAL = "_uncork_original"


@dataclass(frozen=True)
class Patch:
    """One attribute, and what to put there.

    Args:
        owner: A module or a class.
        attribute: The name in it, its own or inherited.
        replacement: Gets the original first, then the arguments of the call.
    """

    owner: Any
    attribute: str
    replacement: Callable[..., Any]


Patcher = Callable[[ModuleType], Iterable[Patch]]


@contextmanager
def patched(patchers: Mapping[str, Patcher]) -> Iterator[None]:
    """Every module named in the table is patched for as long as the context lasts.

    Copies that others made of a patched function (`from werkzeug import run_simple`) stay; they
    call the original again when the context has ended.
    """
    patches = _Patches(patchers)
    finder = _AfterImport(patches)
    for name in patchers:
        if name in sys.modules:
            patches.apply(name, sys.modules[name])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        patches.undo()


class _Patches:
    def __init__(self, patchers: Mapping[str, Patcher]) -> None:
        self.patchers = patchers
        self._undo: list[Callable[[], None]] = []
        self._is_active = True

    def apply(self, name: str, module: ModuleType) -> None:
        for patch in self.patchers[name](module):
            self._apply(patch)

    def undo(self) -> None:
        self._is_active = False
        while self._undo:
            self._undo.pop()()

    def _apply(self, patch: Patch) -> None:
        owner, attribute = patch.owner, patch.attribute
        original = getattr(owner, attribute, None)
        if original is None:
            return  # another version of the library, which does not have it
        original = getattr(original, _ORIGINAL, original)  # a copy of what is patched elsewhere

        @functools.wraps(original)
        def replacement(*arguments: Any, **keywords: Any) -> Any:
            if not self._is_active:
                return original(*arguments, **keywords)
            return patch.replacement(original, *arguments, **keywords)

        setattr(replacement, _ORIGINAL, original)
        if attribute in vars(owner):
            self._undo.append(lambda: setattr(owner, attribute, original))
        else:
            self._undo.append(lambda: delattr(owner, attribute))
        setattr(owner, attribute, replacement)


class _AfterImport:
    """Lets the other finders find, and patches the module when its loader has run it."""

    def __init__(self, patches: _Patches) -> None:
        self._patches = patches

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._patches.patchers:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(fullname, path, target)
            if spec is not None:
                self._patch_after(spec)
                return spec  # type: ignore[no-any-return]  # finders of others are untyped
        return None

    def _patch_after(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None or isinstance(loader, type):
            return  # a namespace package, or built in: nothing of the table is

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # type: ignore[union-attr]  # the loader is as it was again
            execute(module)
            self._patches.apply(spec.name, module)

        # On this one loader only: `__loader__` stays what libraries expect to find there.
        loader.exec_module = exec_module  # type: ignore[method-assign, union-attr]
