"""What is served in place of an app that could not be loaded, until its files change."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from uncork.dev.browser.pages import Page, send_error
from uncork.errors import UncorkError
from uncork.supervisor.app_traceback import first_app_frame

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from uncork.dev.browser.debugger import Debugger

_WAITS = "this page reloads by itself when the file is mended"


def instead_of_app(error: BaseException, debugger: Debugger) -> WSGIApplication:
    """An app that raises what the loading of the real one did, under the debugger.

    What uncork itself has to say, such as that there is no app, is a page without a debugger.
    """
    raised = _raised_by_app(error)
    if raised is None:
        return _Saying(_page_of(error))
    if isinstance(error, UncorkError):
        for hint in error.hints:
            raised.add_note(f"hint: {hint}")
    return _Raising(raised, debugger)


def after_death(text: str) -> WSGIApplication:
    """An app that says how the worker died that was to load the real one."""
    return _Saying(
        Page(
            "The process ended while it loaded the app",
            cause=text,
            hints=("what it printed last stands on the terminal", _WAITS),
        )
    )


class _Saying:
    """An app that has one page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return send_error(self._page, environ, start_response)


class _Raising:
    """An app that raises the same at each request, with the frames of the first time."""

    def __init__(self, error: Exception, debugger: Debugger) -> None:
        self._error = error
        self._frames = first_app_frame(error)
        self._one_at_a_time = threading.Lock()
        self._debugged = debugger.around(self._raise)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "__debugger__=yes" in environ.get("QUERY_STRING", ""):
            return self._debugged(environ, start_response)
        # The terminal was told when it happened.
        environ["wsgi.errors"] = io.StringIO()
        # An exception has one traceback: what two threads raise at once would have both's frames.
        with self._one_at_a_time:
            return list(self._debugged(environ, start_response))

    def _raise(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        __traceback_hide__ = True
        raise self._error.with_traceback(self._frames)


def _raised_by_app(error: BaseException) -> Exception | None:
    """What the app's own code raised; `None`: it raised nothing that can be shown with frames."""
    if isinstance(error, UncorkError):
        inner = error.__cause__ or error.__context__
        is_told = error.details is not None
        return inner if is_told and isinstance(inner, Exception) else None
    return error if isinstance(error, Exception) else None


def _page_of(error: BaseException) -> Page:
    if isinstance(error, UncorkError):
        return Page(
            error.what[:1].upper() + error.what[1:],
            cause=error.cause,
            verbatim=error.details,
            hints=(*error.hints, _WAITS),
        )
    return Page(f"The app ended with `{type(error).__name__}: {error}`", hints=(_WAITS,))
