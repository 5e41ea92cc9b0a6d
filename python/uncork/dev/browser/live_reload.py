"""Pages that follow the code: a script in each of them hears when what it shows is out of date.

What it hears is always the whole state: the number of this start of the worker, and how often
pages and style sheets have changed since. So nothing is lost while a page is not connected,
which it never is while the next worker is being started, or while its tab is hidden.
"""

from __future__ import annotations

import html
import secrets
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from uncork.dev.browser.insertion import inserting
from uncork.dev.browser.pages import send_text
from uncork.dev.browser.streams import Streams

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The server logs nothing of what lies below it, and gives the connection to who answers there.
OWN_PREFIX = "/_uncork/"
LIVE_PATH = f"{OWN_PREFIX}live"
SCRIPT_PATH = f"{OWN_PREFIX}live.js"


class LiveReload:
    """The pages of one worker; made in that worker."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(6)
        self._streams = Streams()
        self._changing = threading.Lock()
        self._pages = 0
        self._styles = 0

    @property
    def state(self) -> str:
        """What a page compares: it is out of date when this has become another one."""
        return f"{self._start}.{self._pages}.{self._styles}"

    @property
    def open_pages(self) -> int:
        """How many are connected now."""
        return len(self._streams)

    def refresh(self, what: Literal["css", "page"]) -> None:
        """Has open pages take their style sheets, or themselves, anew; for any thread."""
        with self._changing:
            if what == "css":
                self._styles += 1
            else:
                self._pages += 1
            self._streams.send(self.state)

    def end(self) -> None:
        """Ends all streams at once, and those that are still asked for; the pages ask again."""
        self._streams.end()

    def around(self, app: WSGIApplication) -> WSGIApplication:
        """`app` with the script in its pages, and what the script asks for."""
        with_script = inserting(app, self._tag)

        def answer_request(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            path = environ.get("PATH_INFO")
            if path == LIVE_PATH:
                return self._stream(environ, start_response)
            if path == SCRIPT_PATH:
                return send_text("200 OK", "javascript", _script(), start_response)
            return with_script(environ, start_response)

        return answer_request

    def _tag(self, environ: WSGIEnvironment, nonce: str | None) -> bytes:
        source = html.escape(f"{environ.get('SCRIPT_NAME', '')}{SCRIPT_PATH}?{self.state}")
        method = environ["REQUEST_METHOD"]
        attributes = f' data-method="{html.escape(method)}"' if method != "GET" else ""
        if nonce is not None:
            attributes += f' nonce="{nonce}"'
        return f'<script src="{source}"{attributes} async></script>'.encode("latin-1")

    def _stream(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        offered: socket.socket | None = environ.get("gunicorn.socket")
        if offered is None:
            why = "the server does not give the connection away\n"
            return send_text("503 Service Unavailable", "plain", why, start_response)
        # From here on, the connection is not the server's any more.
        connection = offered.dup()
        with self._changing:
            self._streams.add(connection, self.state)
        return []


def _script() -> str:
    return Path(__file__).with_name("live.js").read_text("utf-8")
