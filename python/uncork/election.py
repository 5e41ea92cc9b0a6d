"""`uncork.once`: exactly one process of those that run the app has a name at a time.

Who that is, an arbiter says, which a worker puts here; without one there is only this process,
and it is elected. Imports nothing of uncork that it does not need at once.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

Function = TypeVar("Function", bound=Callable[[], object])


class Arbiter(Protocol):
    """Who decides."""

    def is_elected(self, name: str) -> bool:
        """Whether this process has the name, or gets it now."""

    def stand_for(self, name: str, function: Callable[[], object]) -> None:
        """Has `function` called when this process gets the name, now or at any later time."""


class Election:
    """What `uncork.once` returns: true in the elected process, and a decorator."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        ELECTIONS.was_asked = True
        return ELECTIONS.arbiter.is_elected(self._name)

    def __call__(self, function: Function) -> Function:
        """Has the function called in the elected process; returns it as it is."""
        ELECTIONS.arbiter.stand_for(self._name, function)
        return function


def once(name: str) -> Election:
    """Elects one of the server's workers, and another one when that one has ended.

    As a decorator, it has the function called, in a thread of its own, in the one worker that is
    elected, once that worker serves; when it has ended, in another one::

        @uncork.once("scheduler")
        def start_scheduler(): ...

    As a condition, it asks whether this worker is the elected one, and elects it if there is
    none::

        if uncork.once("clean-up"):
            clean_up()

    Never are two of one server elected at the same time. During a reload, the new code gets the
    name when the old worker that has it has ended: so ask where the work is done, not while the
    app is loaded. Outside of `uncork serve`, this process is the elected one.

    Args:
        name: What is to be there once; any text.
    """
    if not isinstance(name, str):
        raise TypeError(f"`uncork.once` takes a name, and no {type(name).__name__}")
    return Election(name)


class Alone:
    """There is only this process."""

    def is_elected(self, name: str) -> bool:
        """It is."""
        del name
        return True

    def stand_for(self, name: str, function: Callable[[], object]) -> None:
        """Calls it when its module is whole: what it uses may stand below it."""

        def call() -> None:
            module = getattr(function, "__module__", None)
            if module != "__main__" and module in sys.modules:
                importlib.import_module(module)  # waits for whoever is importing it
            function()

        threading.Thread(target=call, name=f"uncork-once-{name}", daemon=True).start()


class NotElected:
    """This process only looks at the app, or has another task."""

    def is_elected(self, name: str) -> bool:
        """It is not."""
        del name
        return False

    def stand_for(self, name: str, function: Callable[[], object]) -> None:
        """It does not."""


class Elections:
    """Who decides in this process.

    Attributes:
        arbiter: Set before the app is loaded.
        was_asked: Whether the app has asked, be it while it was loaded: then what it did depends
            on the process.
    """

    def __init__(self) -> None:
        self.arbiter: Arbiter = Alone()
        self.was_asked = False


ELECTIONS = Elections()
