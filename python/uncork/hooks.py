"""What an app has called in each of its workers: `uncork.on_worker_start`, `uncork.on_shutdown`.

An app may be loaded by anybody, by `python hello.py` and by its tests too. There, what it
registers is kept and never called. Imports nothing of uncork, and no more than it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[[], object])


class Hooks:
    """What was registered in this process.

    Attributes:
        has_started: Whether the start hooks were called: what comes now is called at once.
    """

    def __init__(self) -> None:
        self.has_started = False
        self._at_start: list[Callable[[], object]] = []
        self._at_shutdown: list[Callable[[], object]] = []

    @property
    def at_start(self) -> Sequence[Callable[[], object]]:
        """In the order in which they were registered."""
        return tuple(self._at_start)

    @property
    def at_shutdown(self) -> Sequence[Callable[[], object]]:
        """The other way round: what was made last goes first, as with `atexit`."""
        return tuple(reversed(self._at_shutdown))

    def add_at_start(self, function: Callable[[], object]) -> None:
        """Registers, or calls it when the worker has started already."""
        if self.has_started:
            function()
        else:
            self._at_start.append(function)

    def add_at_shutdown(self, function: Callable[[], object]) -> None:
        """Registers."""
        self._at_shutdown.append(function)


HOOKS = Hooks()


def on_worker_start(function: Function) -> Function:
    """Has `function` called in each worker, when the app is loaded and before it serves.

    For what must not be shared between processes: connections, threads, random seeds. It is
    called in the main thread. An exception ends the worker as one at import does. In a module
    that is first imported when the worker serves already, it is called at once; outside of
    `uncork serve` it is not called at all. Returns `function`, so it may be used as a decorator.
    """
    HOOKS.add_at_start(function)
    return function


def on_shutdown(function: Function) -> Function:
    """Has `function` called in each worker when its requests are finished, before it ends.

    It is called in the main thread, the last one that was registered first, and before the
    functions of `atexit`. All together have five seconds. An exception is logged, and the others
    are called. Outside of `uncork serve` it is not called. Returns `function`, so it may be used
    as a decorator.
    """
    HOOKS.add_at_shutdown(function)
    return function
