"""The WSGI application that the behaviour probes ask: one path, one situation.

Nothing here is forgiving: what a framework would catch before the server sees it, such as a line
break in a header, is passed on. It needs one process, since it remembers its calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from . import answers, bodies, closing, environs, sockets

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_MODULES = (answers, bodies, closing, environs, sockets)
_VIEWS: dict[str, WSGIApplication] = {
    path: view for module in _MODULES for path, view in module.VIEWS.items()
}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers by the path; 404 for one that is not known."""
    view: Callable[..., Iterable[bytes]] | None = _VIEWS.get(environ["PATH_INFO"])
    if view is None:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    return view(environ, start_response)
