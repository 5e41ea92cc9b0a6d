"""The routes of an app, for every framework that can name them.

A framework is asked only when the app has loaded it already, so this imports none. What
cannot be listed is said.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from uncork.cli.wrapped_apps import MAX_APPS, inner_apps

ANY_METHOD = frozenset({"any"})


@dataclass(frozen=True)
class Route:
    """One route.

    Attributes:
        endpoint: Its name in the framework, or the function behind it.
        methods: The HTTP methods; `ANY_METHOD` when the framework does not say.
        rule: The pattern of the path, as the framework writes it.
        domain: The host or subdomain, or ``""``.
    """

    endpoint: str
    methods: frozenset[str]
    rule: str
    domain: str = ""


@dataclass
class Listing:
    """The routes of an app, and what could not be listed.

    Attributes:
        routes: In the order in which the framework matches them.
        domain_header: `Host` or `Subdomain`, when a route has one; else `None`.
        gaps: What is missing, as sentences.
    """

    routes: list[Route] = field(default_factory=list)
    domain_header: str | None = None
    gaps: list[str] = field(default_factory=list)


def list_routes(app: object) -> Listing:
    """The routes of `app`, of the app that it wraps, and of those that it mounts."""
    listing = Listing()
    _visit(app, "", listing, [])
    return listing


def _visit(app: object, prefix: str, listing: Listing, seen: list[object]) -> None:
    if any(app is each for each in seen) or len(seen) > MAX_APPS:
        return
    seen.append(app)
    found = _routes_of(app)
    if found is not None:
        listing.domain_header = listing.domain_header or found.domain_header
        listing.gaps += [_under(prefix, gap) for gap in found.gaps]
        listing.routes += [replace(each, rule=prefix + each.rule) for each in found.routes]
    inner = list(inner_apps(app))
    if found is None and not inner:
        gap = f"{_described(app)} chooses by itself what to answer, so its routes are not known"
        listing.gaps.append(_under(prefix, gap))
    for each in inner:
        # The methods of an app that was listed are the app once more.
        if found is None or getattr(each.app, "__self__", None) is not app:
            _visit(each.app, prefix + each.prefix, listing, seen)


def _routes_of(app: object) -> Listing | None:
    for ask in (_of_werkzeug, _of_django, _of_bottle, _of_falcon, _of_pyramid):
        listing = ask(app)
        if listing is not None:
            return listing
    return None


def _of_werkzeug(app: Any) -> Listing | None:
    # Flask, and every app on Werkzeug that calls its map as Flask does.
    map_class = _loaded("werkzeug.routing", "Map")
    url_map = getattr(app, "url_map", None)
    if map_class is None or not isinstance(url_map, map_class):
        return None
    is_host = url_map.host_matching
    routes = [
        Route(
            str(rule.endpoint),
            frozenset(rule.methods or ()),
            rule.rule,
            (rule.host if is_host else rule.subdomain) or "",
        )
        for rule in url_map.iter_rules()
    ]
    has_domain = any(route.domain for route in routes)
    return Listing(routes, ("Host" if is_host else "Subdomain") if has_domain else None)


def _of_django(app: Any) -> Listing | None:
    handler = _loaded("django.core.handlers.wsgi", "WSGIHandler")
    if handler is None or not isinstance(app, handler):
        return None
    resolver = import_module("django.urls").get_resolver()
    return Listing(list(_django_routes(resolver.url_patterns, "/", "")))


def _django_routes(patterns: Iterable[Any], prefix: str, namespace: str) -> Iterator[Route]:
    for pattern in patterns:
        # A regular expression is anchored where its parent ends.
        rule = prefix + str(pattern.pattern).removeprefix("^")
        if hasattr(pattern, "url_patterns"):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _django_routes(pattern.url_patterns, rule, inner)
        else:
            name = f"{namespace}{pattern.name}" if pattern.name else pattern.lookup_str
            yield Route(name, _django_methods(pattern.callback), rule)


def _django_methods(callback: Any) -> frozenset[str]:
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    names = getattr(callback, "actions", None) or getattr(view, "http_method_names", None)
    if not names:
        return ANY_METHOD
    actions = getattr(callback, "actions", None)
    return frozenset(name.upper() for name in names if actions or hasattr(view, name))


def _of_bottle(app: Any) -> Listing | None:
    bottle = _loaded("bottle", "Bottle")
    if bottle is None or not isinstance(app, bottle):
        return None
    listing = Listing()
    for route in app.routes:
        mount = route.config.get("mountpoint.target")
        if mount is None:
            name = route.name or _function_name(route.get_undecorated_callback())
            methods = ANY_METHOD if route.method == "ANY" else frozenset({route.method})
            listing.routes.append(Route(name, methods, route.rule))
        elif route.rule.endswith("/<:re:.*>"):
            _visit(mount, route.config["mountpoint.prefix"].rstrip("/"), listing, [app])
    return listing


def _of_falcon(app: Any) -> Listing | None:
    falcon = _loaded("falcon", "App")
    if falcon is None or not isinstance(app, falcon):
        return None
    inspect = import_module("falcon.inspect")
    listing = Listing()
    for route in inspect.inspect_routes(app):
        methods = frozenset(each.method for each in route.methods if not each.internal)
        listing.routes.append(Route(route.class_name, methods, route.path))
    for static in inspect.inspect_static_routes(app):
        rule = static.prefix.rstrip("/") + "/{path}"
        listing.routes.append(Route("static", frozenset({"GET"}), rule))
    for sink in inspect.inspect_sinks(app):
        listing.routes.append(Route(sink.name, ANY_METHOD, f"{sink.prefix} (sink)"))
    return listing


def _of_pyramid(app: Any) -> Listing | None:
    router = _loaded("pyramid.router", "Router")
    if router is None or not isinstance(app, router):
        return None
    listing = Listing(gaps=["views that Pyramid finds by traversal have no rule to list"])
    mapper = app.registry.queryUtility(import_module("pyramid.interfaces").IRoutesMapper)
    route_data = import_module("pyramid.scripts.proutes").get_route_data
    for route in mapper.get_routes(include_static=True) if mapper else ():
        for name, pattern, _, methods in route_data(route, app.registry):
            known = frozenset(methods.split(",")) if methods != "*" else ANY_METHOD
            listing.routes.append(Route(name, known, pattern))
    return listing


def _loaded(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


def _described(app: object) -> str:
    if hasattr(app, "__qualname__"):
        return f"the function `{_function_name(app)}`"
    return f"an object of the class `{type(app).__module__}.{type(app).__qualname__}`"


def _function_name(function: object) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', '?')}.{name}"


def _under(prefix: str, gap: str) -> str:
    return f"under `{prefix}`: {gap}" if prefix else gap
