"""Tells a WSGI app from everything else, without calling it and without importing a framework.

Rule: an instance is an app when its class comes from a known framework, or defines
`__call__(self, environ, start_response)`. What merely is callable is not one.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

# Where the signature cannot be read (Cython, C), the class is known by name.
_KNOWN_CLASSES = frozenset(
    {
        ("flask.app", "Flask"),
        ("bottle", "Bottle"),
        ("falcon.app", "App"),
        ("django.core.handlers.wsgi", "WSGIHandler"),
        ("pyramid.router", "Router"),
    }
)
_NOT_INSTANCES = (
    type,
    ModuleType,
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    functools.partial,
)
_ENVIRON_NAMES = frozenset({"environ", "env", "environment", "wsgi_environ"})
_START_RESPONSE_NAMES = frozenset({"start_response", "start", "sr", "start_resp", "respond"})


def is_flask(value: object) -> bool:
    """Whether it is what Flask's own command would accept: an instance of `flask.Flask`."""
    flask_class = getattr(sys.modules.get("flask"), "Flask", None)
    return flask_class is not None and isinstance(value, flask_class)


def is_app_instance(value: object) -> bool:
    """Whether it is an instance that looks like a WSGI app by its class."""
    kind = type(value)
    if issubclass(kind, _NOT_INSTANCES):
        return False
    if any((base.__module__, base.__qualname__) in _KNOWN_CLASSES for base in kind.__mro__):
        return True
    return _takes_environ(getattr(kind, "__call__", None), skip=1)  # noqa: B004 # the class's own


def is_app_function(value: object) -> bool:
    """Whether it is a function, method or class that is a WSGI app itself, as PEP 3333 allows."""
    if isinstance(value, type):
        return _takes_environ(vars(value).get("__init__"), skip=1)
    if _is_validator(value):
        return True
    is_function = isinstance(value, (FunctionType, MethodType, functools.partial))
    return is_function and _takes_environ(value, skip=0)


def is_app(value: object) -> bool:
    """Whether it may be served: an app, or any other callable that takes two arguments."""
    if is_flask(value) or is_app_instance(value) or is_app_function(value):
        return True
    if not callable(value) or isinstance(value, type) or is_asgi(value):
        return False
    try:
        inspect.signature(value).bind({}, None)
    except TypeError:
        return False
    except ValueError:  # a callable of C without a signature: only calling it could tell
        return True
    return True


def takes_two_arguments(value: object) -> bool:
    """Whether it can only be called with two arguments, whatever it calls them, as an app is."""
    positional = _positional(value) or ()
    required = [p for p in positional if p.default is inspect.Parameter.empty]
    return len(positional) == len(required) == 2 and not inspect.iscoroutinefunction(value)


def is_asgi(value: object) -> bool:
    """Whether it is an ASGI app, such as one of FastAPI, Starlette or Quart, or a function."""
    is_bound = inspect.isroutine(value)
    call = value if is_bound else getattr(type(value), "__call__", None)  # noqa: B004
    names = [parameter.name for parameter in _positional(call) or ()]
    if names[-3:] == ["scope", "receive", "send"]:
        return True
    # A factory may be `async` as well, but takes something else.
    return inspect.iscoroutinefunction(call) and _takes(call, 3 if is_bound else 4)


def _takes(call: Callable[..., object], count: int) -> bool:
    try:
        inspect.signature(call).bind(*[None] * count)
    except (TypeError, ValueError):
        return False
    return True


def _takes_environ(call: object, *, skip: int) -> bool:
    positional = _positional(call)
    if positional is None or inspect.iscoroutinefunction(call):
        return False
    names = [parameter.name.strip("_") for parameter in positional[skip:]]
    required = [p for p in positional[skip:] if p.default is inspect.Parameter.empty]
    if len(names) < 2 or len(required) > 2:
        return False
    return names[0] in _ENVIRON_NAMES or names[1] in _START_RESPONSE_NAMES


def _positional(call: object) -> list[inspect.Parameter] | None:
    """The positional parameters; `None` when it cannot be called with positional ones alone."""
    if not callable(call):
        return None
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return None
    for parameter in parameters:
        is_required = parameter.default is inspect.Parameter.empty
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and is_required:
            return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter for parameter in parameters if parameter.kind in kinds]


def _is_validator(value: object) -> bool:
    """`wsgiref.validate.validator` returns a bare `*args` function, which hides what it takes."""
    return (
        isinstance(value, FunctionType)
        and value.__module__ == "wsgiref.validate"
        and value.__qualname__ == "validator.<locals>.lint_app"
    )
