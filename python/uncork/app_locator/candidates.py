"""Picks the app out of an imported module.

Rule: where Flask's own command would find an app, that one is it (`flask.cli.find_best_app`,
`find_app_by_string`); where Flask would find nothing, the same rules hold for any WSGI app.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from uncork.app_locator import calling, frames, reading
from uncork.app_locator.reading import APP_NAMES, FACTORY_NAMES
from uncork.app_locator.spec import Expression, parse_expression
from uncork.app_locator.wsgi_shape import (
    is_app,
    is_app_function,
    is_app_instance,
    is_asgi,
    is_flask,
    takes_two_arguments,
)
from uncork.errors import AppError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# What platforms and other servers look for besides; read only when there is no single instance.
_MORE_APP_NAMES = ("wsgi", "wsgi_app", "api", "server")


@dataclass(frozen=True)
class Found:
    """An app, the expression that leads to it, and what decided for it."""

    app: WSGIApplication
    expression: str
    how: str
    warnings: tuple[str, ...] = ()


def find_in_module(module: ModuleType, typed: str, *, verbose: bool) -> Found:
    """The app of a module of which nothing more was said.

    Args:
        module: Imported already.
        typed: How the user named the module, for what to type next.
        verbose: Show tracebacks of a failing factory whole.

    Raises:
        AppError: There is none, there are several, or a factory failed.
    """
    names = dict(vars(module))
    is_flask_loaded = "flask" in sys.modules
    found = None
    if is_flask_loaded:
        found = _flask_instance(module, names, typed)
        found = found or _flask_factory(module, names, typed, verbose)
    found = found or _instance(module, names, typed) or _bottle_default(names)
    if found is None and not is_flask_loaded:
        found = _factory(module, names, typed, verbose)
    found = found or _annotated_factory(module, names, typed, verbose)
    if found is None:
        raise _nothing_found(module, names, typed)
    return replace(found, warnings=_passed_over(found, names, typed))


def find_by_expression(
    module: ModuleType, expression: Expression, typed: str, *, verbose: bool
) -> Found:
    """The app that a name or a call leads to.

    Raises:
        AppError: The name leads nowhere, or to something that is not a WSGI app.
    """
    value = resolve(module, expression, typed)
    full_name = f"{module.__name__}:{expression.text}"
    if is_flask(value) or is_app_instance(value):
        app = value  # Deliberately not: called. Flask takes an instance as it is, `()` or not.
    elif _is_to_be_called(value, expression):
        app = calling.call_factory(
            cast("Callable[..., object]", value),
            calling.FactoryCall(module.__name__, typed, expression),
            verbose=verbose,
        )
    else:
        app = value
    if not is_app(app):
        raise _not_an_app(app, value, expression, full_name, typed)
    return Found(cast("WSGIApplication", app), expression.text, "as named")


def find_by_factory_call(
    module: ModuleType, expression: Expression, typed: str, *, verbose: bool
) -> Found:
    """The app that a factory returns, called without arguments whatever kind of callable it is.

    A factory that takes `(environ, start_response)` is called at the first request.

    Raises:
        AppError: The name leads nowhere, or the factory failed or returned something else.
    """
    value = resolve(module, expression, typed)
    text = f"{expression.name}()"
    if not callable(value):
        raise AppError(
            f"`--call` needs a factory, and `{module.__name__}:{expression.text}` is not callable",
            hints=(f"leave `--call` out: `uncork serve {typed}:{expression.text}`",),
        )
    if is_asgi(value):
        raise _asgi(f"{module.__name__}:{expression.text}", value)
    if is_app_function(value):
        return Found(calling.FirstRequestFactory(value), text, "called at the first request")
    call = calling.FactoryCall(module.__name__, typed, replace(expression, is_call=True, text=text))
    app = calling.call_factory(value, call, verbose=verbose)
    if not is_app(app):
        raise _not_an_app(app, value, call.expression, f"{module.__name__}:{text}", typed)
    return Found(cast("WSGIApplication", app), text, "called")


def resolve(module: ModuleType, expression: Expression, typed: str) -> object:
    """What the name leads to; the call is left to the caller.

    Raises:
        AppError: There is no such name.
    """
    value: object = module
    for position, attribute in enumerate(expression.attributes):
        try:
            value = getattr(value, attribute)
        except AttributeError:
            owner = ".".join((module.__name__, *expression.attributes[:position]))
            raise _no_attribute(module, attribute, value, owner, typed) from None
    return value


def _flask_instance(module: ModuleType, names: dict[str, Any], typed: str) -> Found | None:
    for name in APP_NAMES:
        if is_flask(names.get(name)):
            return Found(names[name], name, "found by name")
    matches = [name for name, value in names.items() if is_flask(value)]
    if len(matches) > 1:
        raise _several(module, matches, typed, "Flask applications")
    return Found(names[matches[0]], matches[0], "its one Flask instance") if matches else None


def _flask_factory(
    module: ModuleType, names: dict[str, Any], typed: str, verbose: bool
) -> Found | None:
    """Flask calls a factory before it would look at an app of another kind, and so do we.

    Only when Flask is loaded: else nobody can return a Flask app, unless the factory is what
    imports it, and then an app beside it is not one that the factory has made.
    """
    has_other_app = _general_names(names) != []
    try:
        found = _factory(module, names, typed, verbose)
    except calling.WrongCallError:
        if has_other_app:
            return None
        raise
    return found if found is not None and (is_flask(found.app) or not has_other_app) else None


def _instance(module: ModuleType, names: dict[str, Any], typed: str) -> Found | None:
    for name in APP_NAMES:
        value = names.get(name)
        if is_app_instance(value) or _is_app_by_name(value):
            return Found(names[name], name, "found by name")
    matches = _general_names(names)
    if len(matches) > 1:
        chosen = next((name for name in _MORE_APP_NAMES if name in matches), None)
        if chosen is None:
            raise _several(module, matches, typed, "WSGI applications")
        return Found(names[chosen], chosen, "found by name")
    return Found(names[matches[0]], matches[0], "its one WSGI instance") if matches else None


def _general_names(names: dict[str, Any]) -> list[str]:
    """The names of WSGI instances, each instance once."""
    by_identity: dict[int, str] = {}
    for name, value in names.items():
        is_named = name in APP_NAMES and _is_app_by_name(value)
        if is_named or is_app_instance(value):
            by_identity.setdefault(id(value), name)
    return list(by_identity.values())


def _is_app_by_name(value: object) -> bool:
    """Whether what has an app's name is one: its name says what its arguments are."""
    return is_app_function(value) or (inspect.isfunction(value) and takes_two_arguments(value))


def _bottle_default(names: dict[str, Any]) -> Found | None:
    """A script of Bottle's that never names an app: its routes are on the default app."""
    bottle = sys.modules.get("bottle")
    if bottle is None or not any(
        value is bottle or getattr(value, "__module__", None) == "bottle"
        for value in names.values()
    ):
        return None
    default = bottle.default_app()
    if not default.routes:
        return None
    return Found(default, "bottle.default_app()", "the routes are on Bottle's default app")


def _factory(module: ModuleType, names: dict[str, Any], typed: str, verbose: bool) -> Found | None:
    for name in FACTORY_NAMES:
        if not inspect.isfunction(names.get(name)):
            continue
        call = calling.FactoryCall(module.__name__, typed, parse_expression(f"{name}()"), True)
        app = calling.call_factory(names[name], call, verbose=verbose)
        if is_app(app):
            return Found(cast("WSGIApplication", app), f"{name}()", "made by its factory")
    return None


def _annotated_factory(
    module: ModuleType, names: dict[str, Any], typed: str, verbose: bool
) -> Found | None:
    """A function that says that it returns a Flask or WSGI app; Flask itself does not look."""
    matches = [name for name, value in names.items() if _says_it_makes_an_app(value)]
    if len(matches) > 1:
        raise _several(module, matches, typed, "functions that return an app")
    for name in matches:
        call = calling.FactoryCall(module.__name__, typed, parse_expression(f"{name}()"), True)
        app = calling.call_factory(names[name], call, verbose=verbose)
        if is_app(app):
            how = "the one function that says it returns an app"
            return Found(cast("WSGIApplication", app), f"{name}()", how)
    return None


def _says_it_makes_an_app(value: object) -> bool:
    if not inspect.isfunction(value):
        return False
    returned = value.__annotations__.get("return")
    if isinstance(returned, str):
        return returned.strip("'\"").rpartition(".")[2] in ("Flask", "WSGIApplication")
    flask_class = getattr(sys.modules.get("flask"), "Flask", None)
    return isinstance(returned, type) and flask_class in returned.__mro__


def _is_to_be_called(value: object, expression: Expression) -> bool:
    if isinstance(value, FunctionType):
        # As Flask: a plain function is a factory, unless it is an app by what it takes.
        is_app_itself = is_app_function(value) or takes_two_arguments(value) or is_asgi(value)
        return expression.is_call or not is_app_itself
    return expression.is_call and callable(value)


def _passed_over(found: Found, names: dict[str, Any], typed: str) -> tuple[str, ...]:
    """`app = ProxyFix(flask_app)`: Flask's command takes `flask_app`; other servers take `app`."""
    for name in APP_NAMES:
        value = names.get(name)
        if value is not found.app and is_flask(found.app) and is_app_instance(value):
            if is_flask(value):
                continue
            return (
                f"`{found.expression}` is served, as Flask's own command would, and not `{name}`, "
                f"a `{type(value).__name__}`; to serve that one, name it: `{typed}:{name}`",
            )
    return ()


def _several(module: ModuleType, matches: list[str], typed: str, kind: str) -> AppError:
    lines = reading.binding_lines(module)
    places = [f"`{name}` ({lines[name]})" if name in lines else f"`{name}`" for name in matches]
    return AppError(
        f"detected multiple {kind} in module `{module.__name__}`",
        cause=f"they are {', '.join(places[:8])}{' …' if len(places) > 8 else ''}",
        hints=(f"use `{typed}:name` to specify the correct one, as in `{typed}:{matches[0]}`",),
    )


def _nothing_found(module: ModuleType, names: dict[str, Any], typed: str) -> AppError:
    asgi = [
        name
        for name, value in names.items()
        if is_asgi(value) and (name in APP_NAMES or not inspect.isroutine(value))
    ]
    if asgi:
        name = min(asgi, key=lambda name: name not in APP_NAMES)
        return _asgi(f"{module.__name__}:{name}", names[name])
    file = getattr(module, "__file__", None)
    where = f", which is `{frames.shown(file)}`" if file else ", which is a bare folder"
    return AppError(
        f"failed to find Flask application or factory in module `{module.__name__}`{where}",
        cause="no name in it is a WSGI app, and it has no `create_app` or `make_app` function",
        hints=_holders(names, typed) or (f"use `{typed}:name` to specify one",),
    )


def _holders(names: dict[str, Any], typed: str) -> tuple[str, ...]:
    """Objects that are no app, and have one: `app.server` of Dash, `app.app` of Connexion."""
    found = [
        f"{typed}:{name}.{attribute}"
        for name, value in names.items()
        for attribute, inner in _own_attributes(value).items()
        if is_flask(inner) and not is_flask(value) and not attribute.startswith("_")
    ]
    return (f"it may be `{found[0]}`",) if found else ()


def _own_attributes(value: object) -> dict[str, object]:
    if isinstance(value, (type, ModuleType)):
        return {}
    try:
        return dict(vars(value))
    except Exception:  # of `flask.current_app`, for one: there is none
        return {}


def _no_attribute(
    module: ModuleType, name: str, owner: object, owner_name: str, typed: str
) -> AppError:
    known = [key for key in getattr(owner, "__dict__", {}) if not key.startswith("_")]
    alike = get_close_matches(name, known, n=1)
    apps = [key for key, value in vars(module).items() if is_app_instance(value)]
    hints: tuple[str, ...] = ()
    if alike:
        hints = (f"did you mean `{alike[0]}`?",)
    elif apps:
        hints = (f"there is an app named `{apps[0]}`: `{typed}:{apps[0]}`",)
    return AppError(
        f"failed to find attribute `{name}` in `{owner_name}`",
        cause=f"the module is `{module.__file__}`" if getattr(module, "__file__", None) else None,
        hints=hints,
    )


def _not_an_app(
    app: object, value: object, expression: Expression, full_name: str, typed: str
) -> AppError:
    if is_asgi(app):
        return _asgi(full_name, app)
    hints: tuple[str, ...] = ()
    kind = type(app).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    cause = f"it is {article} `{kind}`, and a WSGI app is called with `(environ, start_response)`"
    if app is not value:
        cause = f"the factory returned {'nothing' if app is None else f'{article} `{kind}`'}"
        hints = ("end the factory with `return app`",) if app is None else ()
    elif holders := _holders({expression.text: value}, typed):
        hints = holders
    elif callable(value) and not expression.is_call:
        cause = "it is callable, but not with `(environ, start_response)`"
        hints = (f"if it is to be called first, write so: `{typed}:{expression.text}()`",)
    return AppError(
        f"a valid Flask application or other WSGI app was not obtained from `{full_name}`",
        cause=cause,
        hints=hints,
    )


def _asgi(full_name: str, app: object) -> AppError:
    kind = f"{type(app).__module__}.{type(app).__qualname__}"
    if inspect.isroutine(app):
        keyword = "async def" if inspect.iscoroutinefunction(app) else "def"
        kind = f"{keyword} {getattr(app, '__name__', '')}{inspect.signature(app)}"
    return AppError(
        f"`{full_name}` is an ASGI app (`{kind}`)",
        cause="uncork serves WSGI apps",
        hints=("serve it with an ASGI server, such as `uvicorn` or `hypercorn`",),
    )
