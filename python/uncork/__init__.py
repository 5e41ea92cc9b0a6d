"""uncork: from `python hello.py` to production with one tool.

Importing this package loads nothing else: no Flask, no native module. What an application may
use of it is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uncork.hooks import on_shutdown, on_worker_start

__all__ = ["on_shutdown", "on_worker_start"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from uncork import hooks  # noqa: PLC0415 (nothing is loaded with the package)

        return getattr(hooks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
