"""The health request: the app is called in the worker before new code may take over.

A WSGI call as every other: in a thread that is not the main one, as the app's threads are, and
its iterable is read to the end and closed. What the app writes into `wsgi.errors` meanwhile, such
as the traceback that its framework logs, goes into the error.
"""

from __future__ import annotations

import io
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from uncork import console, worker
from uncork.errors import AppError
from uncork.supervisor.app_traceback import app_traceback

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_FRAMES_SHOWN = 6
_FIRST_BAD_STATUS = 500
_HINTS = (
    "mend it, or name a path that answers with `health_path`: `--health-path /healthz`",
    "`--health-path none` asks nothing",
)


@dataclass(frozen=True)
class HealthRequest:
    """What is asked.

    Attributes:
        target: Path and query, as a client would write them.
        port: Which the app is told; a text, as PEP 3333 has it.
    """

    target: str
    port: str
    is_tls: bool
    is_multiprocess: bool

    def environ(self, errors: io.StringIO) -> WSGIEnvironment:
        """The environ of the request, as PEP 3333 has it."""
        from wsgiref.util import FileWrapper  # noqa: PLC0415 (only new code on trial is asked)

        path, _, query = self.target.partition("?")
        return {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": self.port,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": f"uncork/{worker.version()}",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "0",
            "HTTP_HOST": "localhost",
            "HTTP_USER_AGENT": "uncork-health",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if self.is_tls else "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": errors,
            "wsgi.multithread": True,
            "wsgi.multiprocess": self.is_multiprocess,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileWrapper,
            "uncork.health_request": True,
        }


class HealthCheck:
    """One call of the app, which begins at once.

    Args:
        app: The app.
        request: What it is asked.
        wake: Called when the app has answered; from another thread.
    """

    def __init__(
        self, app: WSGIApplication, request: HealthRequest, wake: Callable[[], None]
    ) -> None:
        self._app = app
        self._request = request
        self._wake = wake
        self._errors = io.StringIO()
        self._status: str | None = None
        self._failure: AppError | None = None
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="uncork-health", daemon=True)
        self._thread.start()

    def has_passed(self) -> bool:
        """Whether the app has answered well; `False`: it has not answered yet.

        Raises:
            AppError: It has not answered well.
        """
        if self._has_ended and self._failure is not None:
            raise self._failure
        return self._has_ended

    def too_late(self, seconds: float) -> AppError:
        """The error of an app that has not answered in time, with the place where it is."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return AppError(
            f"{self._asked} was not answered within {seconds:g} s",
            details="".join(traceback.format_stack(frame)[-_FRAMES_SHOWN:]),
            cause="it was still there, as shown above",
            hints=(
                "if it needs longer, raise `health_timeout`: `--health-timeout 1m`",
                *_HINTS[1:],
            ),
        )

    @property
    def _asked(self) -> str:
        return f"the health request `GET {self._request.target}`"

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self._failure = AppError(
                f"{self._asked} failed with `{type(error).__name__}`",
                details=app_traceback(error),
                hints=_HINTS,
            )
        else:
            self._failure = self._judge()
        if self._failure is None and self._errors.getvalue():
            console.say(self._errors.getvalue().rstrip("\n"))
        self._has_ended = True
        self._wake()

    def _call(self) -> None:
        answer: Iterable[bytes] = self._app(
            self._request.environ(self._errors), self._start_response
        )
        try:
            for _ in answer:
                pass
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], Any]:
        del headers, exc_info
        self._status = status
        return lambda data: None

    def _judge(self) -> AppError | None:
        code = (self._status or "")[:3]
        if code.isdigit() and int(code) < _FIRST_BAD_STATUS:
            return None
        how = "without `start_response`" if self._status is None else f"with `{self._status}`"
        return AppError(
            f"{self._asked} was answered {how}",
            details=self._errors.getvalue() or None,
            hints=_HINTS,
        )
