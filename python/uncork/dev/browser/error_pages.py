"""Answers in place of an app that raises: without a debugger, and for clients that are none.

What goes well passes through untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from uncork.dev.browser.pages import Page, send_error
from uncork.supervisor.app_traceback import app_traceback

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    ExcInfo = (
        tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None
    )


class ErrorPages:
    """Runs `app`, and answers with the traceback where it raises.

    Args:
        app: The app.
        hints: What to say below the traceback.
    """

    def __init__(self, app: WSGIApplication, hints: tuple[str, ...] = ()) -> None:
        self._app = app
        self._hints = hints

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers a request."""
        if environ.get("HTTP_UPGRADE", "").lower() == "websocket":
            # The connection may be the app's already, which may say by an exception that it is
            # through with it (Flask-Sock); the server knows.
            return self._app(environ, start_response)
        try:
            iterable = self._app(environ, start_response)
        except Exception as error:
            return self.answer(error, environ, start_response)
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(iterable, (list, tuple)):
            return iterable
        if isinstance(wrapper, type) and isinstance(iterable, wrapper):
            return iterable  # the server sends it as a file
        return _Guarded(iterable, lambda error: self.answer(error, environ, start_response))

    def answer(
        self, error: Exception, environ: WSGIEnvironment, start_response: StartResponse
    ) -> list[bytes]:
        """Answers with the traceback of `error`, which is told on the terminal as well.

        Raises:
            Exception: `error`, when a part of the app's own answer was sent.
        """
        exc_info = (type(error), error, error.__traceback__)
        text = app_traceback(error)
        heading = f"`{type(error).__name__}` in the app"
        page = Page(heading, verbatim=text, hints=self._hints)
        body = send_error(page, environ, start_response, exc_info)
        environ["wsgi.errors"].write(text)
        return body


class _Guarded:
    """An app iterable; what it raises before it has given anything is answered."""

    def __init__(
        self, iterable: Iterable[bytes], answer: Callable[[Exception], list[bytes]]
    ) -> None:
        self._iterable = iterable
        self._answer = answer
        self._iterator: Iterator[bytes] | None = None
        self._has_given = False
        self._is_answered = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._is_answered:
            raise StopIteration
        try:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            piece = next(self._iterator)
        except StopIteration:
            raise
        except Exception as error:
            if self._has_given:
                raise
            self._is_answered = True
            return b"".join(self._answer(error))
        self._has_given = self._has_given or bool(piece)
        return piece

    def close(self) -> None:
        """Closes the app iterable."""
        close: Callable[[], Any] | None = getattr(self._iterable, "close", None)
        if close is not None:
            close()
