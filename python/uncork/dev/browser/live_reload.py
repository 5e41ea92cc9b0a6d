"""Pages that follow the code: a script in each of them hears when what it shows is out of date.

What it hears is always the whole state: the number of this start of the worker, and how often
pages and style sheets have changed since. So nothing is lost while a page is not connected,
which it never is while the next worker is being started, or while its tab is hidden.
"""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from uncork.dev.browser.insertion import inserting
from uncork.dev.browser.pages import send_text

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIVE_PATH = "/_uncork/live"
SCRIPT_PATH = "/_uncork/live.js"
# A client that has gone is noticed when something is sent to it.
_BEAT_SECONDS = 4.0


class LiveReload:
    """The pages of one worker; made in that worker."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(6)
        self._changed = threading.Condition()
        self._pages = 0
        self._styles = 0
        self._has_ended = False

    @property
    def state(self) -> str:
        """What a page compares: it is out of date when this has become another one."""
        return f"{self._start}.{self._pages}.{self._styles}"

    def refresh(self, what: Literal["css", "page"]) -> None:
        """Has open pages take their style sheets, or themselves, anew; for any thread."""
        with self._changed:
            if what == "css":
                self._styles += 1
            else:
                self._pages += 1
            self._changed.notify_all()

    def end(self) -> None:
        """Ends all streams at once, and those that are still asked for; the pages ask again."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def around(self, app: WSGIApplication) -> WSGIApplication:
        """`app` with the script in its pages, and what the script asks for."""
        with_script = inserting(app, self._tag)

        def answer_request(
            environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterable[bytes]:
            path = environ.get("PATH_INFO")
            if path == LIVE_PATH:
                return self._stream(start_response)
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

    def _stream(self, start_response: StartResponse) -> Iterator[bytes]:
        start_response(
            "200 OK",
            [
                ("Content-Type", "text/event-stream"),
                ("Cache-Control", "no-store"),
                ("X-Accel-Buffering", "no"),
            ],
        )
        return self._events()

    def _events(self) -> Iterator[bytes]:
        told = ""
        while (state := self._next_state(told)) is not None:
            yield b":\n\n" if state == told else f"data: {state}\n\n".encode()
            told = state

    def _next_state(self, told: str) -> str | None:
        """What to tell next; `told` again after a while, `None` at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or self.state != told, _BEAT_SECONDS)
            return None if self._has_ended else self.state


def _script() -> str:
    return Path(__file__).with_name("live.js").read_text("utf-8")
