"""The folders of a Flask application's templates and static files.

Flask is asked for only where it was imported already, and nothing of the application's that would
be made by asking, such as its Jinja environment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

# What one application may be wrapped in, one in the other.
_MAX_DEPTH = 16
_WRAPPED = ("app", "wsgi_app", "application", "wrapped", "_app", "__wrapped__", "__self__")


class FlaskFolders(NamedTuple):
    """What was found.

    Attributes:
        settings: Files of the instance folder, which are often read by `from_pyfile`.
    """

    templates: tuple[str, ...] = ()
    statics: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def flask_folders(app: object) -> FlaskFolders:
    """Those of an app, of what it wraps and of its blueprints; none if it is no Flask."""
    flask = sys.modules.get("flask")
    kind = getattr(flask, "Flask", None)
    if not isinstance(kind, type):
        return FlaskFolders()
    templates: dict[str, None] = {}
    statics: dict[str, None] = {}
    settings: dict[str, None] = {}
    for each in _wrapped(app, kind, set(), 0):
        for part in (each, *_blueprints(each)):
            templates |= dict.fromkeys(_templates(part))
            with suppress(Exception):
                statics |= dict.fromkeys([part.static_folder] if part.static_folder else [])
        with suppress(Exception):
            found = Path(each.instance_path)
            for pattern in ("*.py", "*.cfg", "*.toml"):
                settings |= dict.fromkeys(map(str, found.glob(pattern)))
    return FlaskFolders(tuple(templates), tuple(statics), tuple(settings))


def _wrapped(app: object, kind: type, seen: set[int], depth: int) -> Iterator[Any]:
    """Each Flask application in a WSGI callable, be it in middleware or mounted somewhere."""
    if app is None or id(app) in seen or depth > _MAX_DEPTH:
        return
    seen.add(id(app))
    if isinstance(app, kind):
        yield app
    inner: dict[str, Any] = {}
    with suppress(Exception):
        inner = dict(vars(app))
    found = [inner.get(name) for name in _WRAPPED]
    found.append(getattr(app, "__self__", None))  # of a bound method
    mounts = inner.get("mounts")
    if isinstance(mounts, dict):  # Werkzeug's DispatcherMiddleware
        found += mounts.values()
    for cell in getattr(app, "__closure__", None) or ():
        with suppress(ValueError):  # it is empty
            if callable(cell.cell_contents):
                found.append(cell.cell_contents)
    for each in found:
        if callable(each):
            yield from _wrapped(each, kind, seen, depth + 1)


def _blueprints(app: Any) -> list[Any]:
    with suppress(Exception):
        return list(app.blueprints.values())
    return []


def _templates(part: Any) -> Iterator[str]:
    """The folders of an application or of a blueprint."""
    with suppress(Exception):
        if part.template_folder:
            yield str(Path(part.root_path, part.template_folder))
    with suppress(Exception):
        # Only what is there already: an application makes its loader when it first needs it.
        yield from _search_paths(vars(part).get("jinja_loader"), 0)


def _search_paths(loader: Any, depth: int) -> Iterator[str]:
    """Those of a loader of Jinja's, or of the loaders that it asks."""
    if loader is None or depth > _MAX_DEPTH:
        return
    for path in getattr(loader, "searchpath", ()):
        yield str(path)
    inner = getattr(loader, "loaders", ())
    for each in inner if isinstance(inner, (list, tuple)) else ():
        yield from _search_paths(each, depth + 1)
