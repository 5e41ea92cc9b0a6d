"""What a call of `uncork.run` has put around its app: static files, the debugger, a way out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncork.dev.browser import Debugger, DebuggerPolicy
from uncork.dev.watching import project_root
from uncork.errors import AppError
from uncork.running.calling import NAME, Call
from uncork.settings import Settings, resolve_dev

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ON_NETWORK = "UNCORK_DEV_DEBUGGER_ON_NETWORK=1"


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
            raise AppError(
                f"`static_files` of `{NAME}` at `{call.where}` needs Werkzeug, "
                "which is not installed",
                hints=("install it: `python -m pip install werkzeug`", "or leave it out"),
            ) from None
        self.app = SharedDataMiddleware(self.app, dict(call.static_files or {}))

    def _add_debugger(self, call: Call, settings: Settings) -> None:
        development = resolve_dev(flags={}, environ=os.environ, directory=Path.cwd())
        policy = DebuggerPolicy(
            is_for_network=development.values.debugger_on_network,
            has_console=call.uses_evalex,
            hosts=tuple(bind.host for bind in settings.bind if bind.kind == "tcp"),
            project=project_root(Path.cwd()),
        )
        debugger = Debugger(policy)
        self.app = debugger.around(self.app)
        if debugger.why_off is not None:
            self.lines.append(debugger.why_off.replace("--debugger-on-network", _ON_NETWORK))
        elif debugger.pin is not None:
            self.lines.append(f"debugger PIN: {debugger.pin}")

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
