"""A Pyramid app."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response


def hello(request: Request) -> Response:
    return Response(f"hello {request.matchdict['name']}", content_type="text/plain")


def form(request: Request) -> Response:
    file = request.POST["file"]
    return Response(f"{request.POST['field']} {file.filename} {len(file.file.read())}")


def stream(request: Request) -> Response:
    lines = (f"line {number}\n".encode() for number in range(3))
    return Response(app_iter=lines, content_type="text/plain")


def fail(request: Request) -> Response:
    raise RuntimeError("on purpose")


def _app() -> object:
    with Configurator() as configurator:
        for name, pattern, view in (
            ("hello", "/hello/{name}", hello),
            ("form", "/form", form),
            ("stream", "/stream", stream),
            ("fail", "/fail", fail),
        ):
            configurator.add_route(name, pattern)
            configurator.add_view(view, route_name=name)
        return configurator.make_wsgi_app()


app = _app()
