"""Serves the app of one call of `uncork.run` in this very process, until it is asked to stop.

Nothing is forked and nothing is left behind: when it returns, handlers of signals are what they
were, sockets are closed, and threads have ended, unless a request holds one. Then the process is
ended in its last moment as workers are: the interpreter is not torn down under a thread.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from uncork import console, worker
from uncork.app_locator import wsgi_shape
from uncork.cli.wrapped_apps import find_inside
from uncork.errors import EnvironmentProblem, InternalError, UncorkError
from uncork.running.calling import NAME, Call
from uncork.running.layers import Layers
from uncork.running.values import settings_of, tell_no_effect, tell_unused_settings
from uncork.settings import Settings
from uncork.supervisor.banner import places_of
from uncork.supervisor.certificates import load_identity
from uncork.supervisor.ending import LastFunctions, end_process, report_cut_off
from uncork.supervisor.listeners import ListenerOptions, Listeners
from uncork.supervisor.log_files import open_log
from uncork.supervisor.open_files import room_for_connections
from uncork.supervisor.signals import ACTIONS, Action, SignalActions
from uncork.supervisor.worker_hooks import call_start_hooks, shutdown_hooks_called

if TYPE_CHECKING:
    from collections.abc import Mapping

# Nothing is there that could be reloaded, and the end of the terminal is the end of the server.
_ACTIONS: Mapping[int, Action] = {**ACTIONS, signal.SIGHUP: Action.DRAIN}
_INTERRUPTED = 130
_NOTICE_SECONDS = 0.5
_JOIN_SECONDS = 3600.0
_LOG_SECONDS = 2.0
_STDERR = 2


class Asked(Protocol):
    """What asks for the end of serving."""

    def wait(self, timeout_seconds: float | None) -> Action | None:
        """The next action, or `None` when the time is over."""

    def wake(self) -> None:
        """Makes `wait` return; for any thread."""


def serve(call: Call) -> None:
    """Serves until it is stopped.

    Raises:
        UncorkError: It could not be served.
    """
    tell_no_effect(call)
    tell_unused_settings(call)
    settings = settings_of(call)
    room = room_for_connections(settings.max_connections)
    settings = replace(settings, max_connections=room)
    layers = Layers(call, settings)
    try:
        with ExitStack() as at_end:
            listeners = at_end.enter_context(Listeners(_as_argument))
            options = ListenerOptions(settings.backlog, settings.unix_mode, settings.unix_owner)
            listeners.open(settings.bind, options)
            asked = at_end.enter_context(_asked(call))
            _Serving(call, settings, layers, listeners, asked).run(at_end)
    except RuntimeError as error:
        if threading.main_thread().is_alive():
            raise
        raise _too_late(call, error) from None
    finally:
        _forget_first_request(call.app)
    if layers.passed_error is not None:
        raise layers.passed_error


class _Serving:
    def __init__(
        self,
        call: Call,
        settings: Settings,
        layers: Layers,
        listeners: Listeners,
        asked: Asked,
    ) -> None:
        self._call = call
        self._settings = settings
        self._layers = layers
        self._listeners = listeners
        self._asked = asked

    def run(self, at_end: ExitStack) -> None:
        settings, layers = self._settings, self._layers
        identity = load_identity(settings.cert, settings.key, host=settings.bind[0].host)
        _call_start_hooks(self._asked, settings)
        at_end.enter_context(shutdown_hooks_called())
        access_log = _STDERR if settings.access_log is None else open_log(settings.access_log)
        if access_log != _STDERR:
            at_end.callback(os.close, access_log)
        served = worker.Worker(
            layers.app,
            self._listeners.descriptors,
            worker.worker_settings(
                settings,
                access_log=access_log,
                certificate=identity.certificate if identity else None,
                key=identity.key if identity else None,
            ),
        )
        at_end.callback(served.end_access_log, _LOG_SECONDS)
        at_end.callback(served.stop)
        end = _End(served, self._asked)
        layers.on_passed_error = self._asked.wake
        served.start()
        end.begin()
        self._tell(is_tls=identity is not None)
        self._watch(served, end)

    def _tell(self, *, is_tls: bool) -> None:
        places = ", ".join(places_of(self._listeners, is_tls=is_tls))
        console.say(f"uncork {worker.version()} serves the app of `{NAME}`, {self._call.where}")
        console.say(f"listening on {places}")
        for line in self._layers.lines:
            console.say(line)
        ending = "Ctrl+C stops it" if isinstance(self._asked, SignalActions) else "in a thread"
        console.say(f"ready in process {os.getpid()}, without the reloader; {ending}")

    def _watch(self, served: worker.Worker, end: _End) -> None:
        action = self._next_action(end, None)
        self._listeners.close()  # nobody may be left waiting there
        grace = self._settings.graceful_timeout
        waited = 0.0
        if action is Action.DRAIN and grace > 0:
            served.drain()
            began = time.monotonic()
            self._next_action(end, began + grace)
            waited = time.monotonic() - began
        if not end.has_come:
            served.stop()
            self._wait_for(end, _NOTICE_SECONDS)
        if not end.has_come:
            report_cut_off(waited)
        end.leave()

    def _next_action(self, end: _End, deadline: float | None) -> Action | None:
        while not end.has_come:
            if deadline is None and self._layers.passed_error is not None:
                return Action.DRAIN
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            action = self._asked.wait(left)
            if action in (Action.DRAIN, Action.STOP):
                return action
        if deadline is None:
            raise InternalError("the server ended by itself")
        return None

    def _wait_for(self, end: _End, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not end.has_come and (left := deadline - time.monotonic()) > 0:
            self._asked.wait(left)


class _End:
    """Waits in a thread for the worker's end; sees to it that the process can end before it."""

    def __init__(self, served: worker.Worker, asked: Asked) -> None:
        self.has_come = False
        self._served = served
        self._asked = asked
        self._thread = threading.Thread(target=self._wait, name="uncork-join", daemon=True)
        self._last: LastFunctions | None = None

    def begin(self) -> None:
        if not isinstance(self._asked, SignalActions):
            # The process may end while this thread serves: the main one does not wait for it.
            self._last = LastFunctions()
        atexit.register(self._at_exit)
        self._thread.start()

    def leave(self) -> None:
        """Serving is over; threads may be left inside the app."""
        atexit.unregister(self._at_exit)
        if not self.has_come or self._served.has_late_threads:
            self._last = self._last or LastFunctions()
            atexit.register(self._at_exit)  # the last one that is registered is called first

    def _wait(self) -> None:
        while not self._served.join(_JOIN_SECONDS):
            pass
        self.has_come = True
        self._asked.wake()

    def _at_exit(self) -> None:
        if threading.current_thread() is threading.main_thread():
            # The process ends already; a Ctrl+C would only keep it from ending well.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._served.stop()
        self._thread.join(_NOTICE_SECONDS)
        if self.has_come and not self._served.has_late_threads:
            return
        atexit.unregister(self._at_exit)
        if self._last is not None:
            self._last.run()
        os._exit(1 if getattr(sys, "last_value", None) is not None else 0)


class _AskedNothing:
    """In a thread that hears no signals: what ends the process ends serving."""

    def __init__(self) -> None:
        self._is_woken = threading.Event()

    def wait(self, timeout_seconds: float | None) -> Action | None:
        if not self._is_woken.wait(timeout_seconds):
            return None
        self._is_woken.clear()
        return Action.WOKEN

    def wake(self) -> None:
        self._is_woken.set()


@contextmanager
def _asked(call: Call) -> Iterator[Asked]:
    if threading.current_thread() is not threading.main_thread():
        yield _AskedNothing()
        return
    signals = SignalActions(lambda: end_process(_INTERRUPTED), actions=_ACTIONS, is_last=False)
    with signals, signals.serving() as unheard:
        if unheard:
            console.note(
                f"handlers that `{NAME}` at `{call.where}` does not call while it serves: "
                f"{', '.join(unheard)}"
            )
        yield signals


def _call_start_hooks(asked: Asked, settings: Settings) -> None:
    def tell(error: UncorkError) -> None:
        del error  # the console has it already

    if isinstance(asked, SignalActions):
        with asked.raising():
            call_start_hooks(settings.boot_timeout, tell)
    else:
        call_start_hooks(settings.boot_timeout, tell)


def _as_argument(hint: str) -> str:
    """The hint in the words of the call: `port=5001`, not `--bind 127.0.0.1:5001`."""
    before, flag, rest = hint.partition("`--bind ")
    host, _, port = rest.partition("`")[0].rpartition(":")
    if not flag or not port.isdecimal():
        return hint
    return f'{before}`host="{host.strip("[]")}", port={port}`{rest.partition("`")[2]}'


def _too_late(call: Call, error: RuntimeError) -> EnvironmentProblem:
    """CPython 3.12 starts no thread any more once the main one has ended."""
    return EnvironmentProblem(
        f"`{NAME}` at `{call.where}` came too late: the main thread has ended",
        cause=str(error),
        hints=("let the main thread wait for it, as with `thread.join()`",),
    )


def _forget_first_request(app: object) -> None:
    """As `app.run()` does: whoever gets back to a prompt may add a route, and serve again."""
    flask_app: Any = find_inside(app, wsgi_shape.is_flask)
    if flask_app is not None and hasattr(flask_app, "_got_first_request"):
        flask_app._got_first_request = False
