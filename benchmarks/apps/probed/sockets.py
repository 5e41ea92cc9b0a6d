"""Takes a connection over, as simple-websocket does: under the same two names, in its order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_KEYS = ("werkzeug.socket", "gunicorn.socket")


def upgrade(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Accepts the upgrade, and sends back the first bytes; 501 if there is no socket."""
    key = next((key for key in _KEYS if key in environ), None)
    if key is None:
        start_response("501 Not Implemented", [("Content-Length", "0")])
        return []
    connection = environ[key]
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    )
    connection.sendall(b"got " + connection.recv(100))
    # How the libraries say that there is no answer, for each of the two names.
    if key == "gunicorn.socket":
        raise StopIteration
    start_response("200 OK", [])
    return []


VIEWS: dict[str, WSGIApplication] = {"/upgrade": upgrade}
