"""uncork: from `python hello.py` to production with one tool.

Importing this package loads nothing else: no Flask, no native module. What an application may
use of it is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uncork.election import once
    from uncork.hooks import on_shutdown, on_worker_start
    from uncork.request_timeout import RequestTimeout
    from uncork.running import run

__all__ = ["RequestTimeout", "on_shutdown", "on_worker_start", "once", "run"]

_MODULES = {
    "RequestTimeout": "request_timeout",
    "on_shutdown": "hooks",
    "on_worker_start": "hooks",
    "once": "election",
    "run": "running",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        from importlib import import_module  # noqa: PLC0415 (nothing is loaded with the package)

        return getattr(import_module(f"uncork.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
