"""What is inside a WSGI middleware.

PEP 3333 gives a middleware no way to say what it wraps. These are the ways that Werkzeug,
WhiteNoise, Django, Paste, Sentry, OpenTelemetry and Socket.IO have settled on; a closure
cannot be looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

# In this order: an object that has several has the inner app in the first one.
_INNER_NAMES = ("wsgi_app", "app", "application", "_app", "wsgi", "__wrapped__")

# An object whose every attribute is another such object would never end.
MAX_APPS = 100


@dataclass(frozen=True)
class InnerApp:
    """An app inside another one, and the path under which it is mounted, or ``""``."""

    app: object
    prefix: str = ""


def inner_apps(app: object) -> Iterator[InnerApp]:
    """The apps directly inside `app`: what it wraps, then what it mounts."""
    # `ProxyFix(flask_app.wsgi_app)` holds a method of the app.
    owner = getattr(app, "__self__", None)
    if owner is not None and callable(owner):
        yield InnerApp(owner)
    for name in _INNER_NAMES:
        inner = getattr(app, name, None)
        if callable(inner) and inner is not app:
            yield InnerApp(inner)
            break
    yield from _mounts(app)


def find_inside(app: object, is_wanted: Callable[[object], bool]) -> object | None:
    """The outermost wanted app, looking from `app` through what it wraps, not mounts."""
    seen: list[object] = []
    while app is not None and len(seen) < MAX_APPS and not any(app is each for each in seen):
        if is_wanted(app):
            return app
        seen.append(app)
        app = next((inner.app for inner in inner_apps(app) if not inner.prefix), None)
    return None


def _mounts(app: object) -> Iterator[InnerApp]:
    # werkzeug.middleware.dispatcher.DispatcherMiddleware
    mounts = getattr(app, "mounts", None)
    if isinstance(mounts, Mapping):
        for prefix, mounted in mounts.items():
            if isinstance(prefix, str) and callable(mounted):
                yield InnerApp(mounted, prefix)
    # paste.urlmap.URLMap
    applications = getattr(app, "applications", None)
    if isinstance(applications, list):
        for entry in applications:
            match entry:
                case ((None, str(prefix)), mounted) if callable(mounted):
                    yield InnerApp(mounted, prefix)
