"""Calls a WSGI app in this process, as a server does, with `wsgiref.validate` in between."""

from __future__ import annotations

import contextvars
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass
class Answer:
    """What the app has answered.

    Attributes:
        pieces: What it gave, and what was given to `write`, in order.
        terminal: What it wrote to `wsgi.errors`.
        iterable: What the app itself returned, before it was iterated.
    """

    status: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    terminal: str = ""
    iterable: Any = None

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    @property
    def text(self) -> str:
        """All of it."""
        return self.body.decode()


def call(app: WSGIApplication, path: str = "/", *, is_checked: bool = True, **given: Any) -> Answer:
    """The answer to a request for `path`; `given` stands in its environ as well."""
    answer = Answer()

    def ask() -> None:
        for _ in steps(app, path, answer, is_checked=is_checked, **given):
            pass

    # What the app sets there is its request's, as it is in a server's thread.
    contextvars.copy_context().run(ask)
    return answer


def steps(
    app: WSGIApplication, path: str, answer: Answer, *, is_checked: bool = True, **given: Any
) -> Iterator[bytes]:
    """Gives each piece as soon as it is there, and fills `answer`."""
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    environ["HTTP_HOST"] = "localhost"
    errors = io.StringIO()
    environ |= {"wsgi.file_wrapper": FileWrapper, "wsgi.errors": errors, "wsgi.multithread": True}
    environ |= given

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if exc_info is not None and any(answer.pieces):
            raise exc_info[1].with_traceback(exc_info[2])
        answer.status = status
        answer.headers = {name.lower(): value for name, value in headers}
        return answer.pieces.append

    called = validator(app) if is_checked else app
    answer.iterable = called(environ, start_response)
    try:
        for piece in answer.iterable:
            answer.pieces.append(piece)
            yield piece
    finally:
        if hasattr(answer.iterable, "close"):
            answer.iterable.close()
        answer.terminal = errors.getvalue()
