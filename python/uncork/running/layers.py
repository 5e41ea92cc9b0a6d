"""What a call of `uncork.run` has put around its app: static files, the debugger, a way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from uncork.errors import AppError
from uncork.running.calling import NAME, Call
from uncork.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Layers:
    """The app as it is served, from the inside out, in the order of `run_simple`.

    Attributes:
        app: The app with everything around it.
        lines: What is to be said of it when it is served.
        passed_error: What the app has raised, if that is to end the server.
        on_passed_error: Called when that has happened, from the app's thread.
    """

    def __init__(self, call: Call, settings: Settings) -> None:
        self.lines: list[str] = []
        self.passed_error: BaseException | None = None
        self.on_passed_error: Callable[[], object] = lambda: None
        self.app: WSGIApplication = call.app
        if call.static_files:
            self._add_static_files(call)
        if call.uses_debugger:
            self._add_debugger(call, settings)
        if call.passes_errors:
            self._inner, self.app = self.app, self._pass_errors

    def _add_static_files(self, call: Call) -> None:
        try:
            from werkzeug.middleware.shared_data import SharedDataMiddleware  # noqa: PLC0415
        except ImportError:
            raise _without_werkzeug(call, "static_files") from None
        self.app = SharedDataMiddleware(self.app, dict(call.static_files or {}))

    def _add_debugger(self, call: Call, settings: Settings) -> None:
        try:
            from werkzeug.debug import DebuggedApplication  # noqa: PLC0415
        except ImportError:
            raise _without_werkzeug(call, "use_debugger") from None
        debugged = DebuggedApplication(self.app, evalex=call.uses_evalex)
        if settings.bind[0].host:
            debugged.trusted_hosts.append(settings.bind[0].host)
        if call.uses_evalex:
            self.lines.append(f"debugger PIN: {debugged.pin or 'none'}")
        self.app = debugged

    def _pass_errors(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        try:
            answer = self._inner(environ, start_response)
        except BaseException as error:
            self._keep(error)
            raise
        return _Watched(answer, self._keep)

    def _keep(self, error: BaseException) -> None:
        if self.passed_error is None:
            self.passed_error = error
            self.on_passed_error()


class _Watched:
    """An answer whose errors are kept; closed as the server closes it."""

    def __init__(self, answer: Iterable[bytes], keep: Callable[[BaseException], None]) -> None:
        self._answer = answer
        self._keep = keep

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._answer
        except GeneratorExit:
            raise
        except BaseException as error:
            self._keep(error)
            raise

    def close(self) -> None:
        close: Any = getattr(self._answer, "close", None)
        if close is not None:
            close()


def _without_werkzeug(call: Call, option: str) -> AppError:
    return AppError(
        f"`{option}` of `{NAME}` at `{call.where}` needs Werkzeug, which is not installed",
        hints=("install it: `python -m pip install werkzeug`", f"or leave `{option}` out"),
    )
