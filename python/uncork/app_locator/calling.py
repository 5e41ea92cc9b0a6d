"""Calls factories, and tells a wrong call from a failure inside the factory."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from uncork.app_locator import frames, importing
from uncork.app_locator.spec import Expression
from uncork.errors import AppError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class WrongCallError(AppError):
    """The factory does not take the arguments that it was given."""


@dataclass(frozen=True)
class FactoryCall:
    """A factory as it was named, and what to call it with."""

    module_name: str
    typed: str
    expression: Expression
    is_detected: bool = False
    """Nobody named it: it was found by its name."""


def call_factory(factory: Callable[..., object], call: FactoryCall, *, verbose: bool) -> object:
    """What the factory returns; whether that is an app is for the caller to see.

    Raises:
        WrongCallError: It does not take these arguments.
        AppError: It failed.
    """
    expression = call.expression
    try:
        return factory(*expression.arguments, **expression.keywords)
    except BaseException as error:
        if isinstance(error, TypeError) and _never_got_inside(error):
            raise _wrong_call(factory, call, error) from None
        what = f"the factory `{call.module_name}:{expression.name}`"
        raise importing.failure(error, what, "when it was called", verbose=verbose) from None


class FirstRequestFactory:
    """A WSGI app made at the first request, by a factory that takes `(environ, start_response)`.

    What the factory returns is the app when it can be called, and kept; else it is the answer
    itself, and the factory was the app all along.
    """

    def __init__(self, factory: Callable[..., object]) -> None:
        self._factory = factory
        self._app: WSGIApplication | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers the request, and makes the app when it is the first."""
        if self._app is not None:
            return self._app(environ, start_response)
        with self._lock:
            if self._app is None:
                made = self._factory(environ, start_response)
                if not callable(made):
                    self._app = cast("WSGIApplication", self._factory)
                    return cast("Iterable[bytes]", made)
                self._app = cast("WSGIApplication", made)
        return self._app(environ, start_response)


def _never_got_inside(error: TypeError) -> bool:
    """Whether the call itself failed: the innermost frame is the one of `call_factory`."""
    place = error.__traceback__
    return place is not None and place.tb_next is None


def _wrong_call(factory: Callable[..., object], call: FactoryCall, error: TypeError) -> AppError:
    name = call.expression.name
    if call.is_detected:
        what = (
            f"detected factory `{name}` in module `{call.module_name}`, "
            "but could not call it without arguments"
        )
    else:
        what = (
            f"the factory `{call.expression.text}` in module `{call.module_name}` "
            "could not be called with the specified arguments"
        )
    signature, place = _signature(factory), _place(factory)
    cause = f"it is `{name}{signature}`{f', at `{place}`' if place else ''}: {error}"
    return WrongCallError(
        what,
        cause=cause if signature else str(error),
        hints=(f"use `{call.typed}:{name}(args)` to specify arguments, in quotes for the shell",),
    )


def _signature(factory: Callable[..., object]) -> str:
    try:
        return str(inspect.signature(factory))
    except (TypeError, ValueError):
        return ""


def _place(factory: Callable[..., object]) -> str:
    code = getattr(inspect.unwrap(factory), "__code__", None)
    return f"{frames.shown(code.co_filename)}:{code.co_firstlineno}" if code else ""
