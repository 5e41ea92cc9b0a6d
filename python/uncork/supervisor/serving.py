"""One app served, from the moment it is found to the moment the worker has ended."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from uncork import console, worker
from uncork.app_locator import LocatedApp
from uncork.errors import InternalError
from uncork.settings import ResolvedSettings, Settings
from uncork.supervisor.banner import banner
from uncork.supervisor.certificates import load_identity
from uncork.supervisor.ending import report_cut_off
from uncork.supervisor.listeners import ListenerOptions, Listeners
from uncork.supervisor.open_files import room_for_connections
from uncork.supervisor.run_call_settings import with_run_options
from uncork.supervisor.signals import Action, SignalActions

# How long what comes after serving may take: the user's code behind `app.run()`, threads
# of the user's that are to end by themselves, `atexit` functions.
LAST_SECONDS = 5.0
# How long threads may take to notice a stop: those that are not inside the app do at once.
_NOTICE_SECONDS = 0.5
_JOIN_SECONDS = 3600.0
_RESERVED = {
    Action.RELOAD: "reload (HUP)",
    Action.REOPEN_LOGS: "reopening logs (USR1)",
    Action.RESTART: "restart (USR2)",
}


class Serving:
    """What `with_app` is given: binds where that is still to be done, and serves.

    Attributes:
        has_served: Whether the app was found and served.
        has_stuck_threads: Whether threads are left inside the app: the interpreter must not
            be torn down under them.
        failure: Why it could not be served. Kept, for `use` is called from inside the user's
            script, which may catch what it raises.
    """

    def __init__(
        self,
        resolved: ResolvedSettings,
        signals: SignalActions,
        listeners: Listeners,
        *,
        verbose: bool = False,
    ) -> None:
        self.has_served = False
        self.has_stuck_threads = False
        self.failure: BaseException | None = None
        self._resolved = resolved
        self._signals = signals
        self._listeners = listeners
        self._verbose = verbose

    def bind_early(self) -> None:
        """Binds before the app is loaded, so that a taken port is told at once.

        Not with the default address, unless the app is imported for certain: a script that
        runs its own server may name another one.
        """
        is_certain = self._resolved.values.load_as == "module"
        if is_certain or not self._resolved.origins["bind"].is_default:
            self._bind(self._resolved.values)

    def use(self, located: LocatedApp) -> None:
        """Serves the app until the worker has ended; called in the main thread.

        Raises:
            UncorkError: It could not be served.
        """
        if self._signals.is_stop_asked:
            return  # and the script caught it
        try:
            with self._signals.serving() as unheard:
                self._serve(located, unheard)
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._listeners.close()

    def _serve(self, located: LocatedApp, unheard: list[str]) -> None:
        _tell_what_differs(located, unheard)
        if self._verbose:
            console.note(f"`{located.name}`: {located.explanation}")
        settings = with_run_options(self._resolved, located.run_options)
        connections = room_for_connections(settings.max_connections)
        settings = replace(settings, max_connections=connections)
        identity = load_identity(settings.cert, settings.key, host=settings.bind[0].host)
        if not self._listeners.is_open:
            self._bind(settings)
        served = worker.Worker(
            located.app,
            self._listeners.descriptors,
            worker.worker_settings(
                settings,
                certificate=identity.certificate if identity else None,
                key=identity.key if identity else None,
            ),
        )
        served.start()
        self.has_served = True
        lines = banner(
            self._listeners,
            version=worker.version(),
            app=located.name,
            origin=located.origin,
            is_tls=identity is not None,
        )
        console.say("\n".join(lines))
        self._watch(served, settings.graceful_timeout)

    def _bind(self, settings: Settings) -> None:
        self._listeners.open(
            settings.bind,
            ListenerOptions(settings.backlog, settings.unix_mode, settings.unix_owner),
        )

    def _watch(self, served: worker.Worker, graceful_seconds: float) -> None:
        """Does what signals ask for until the worker has ended, or has had its time."""
        end = _End(served, self._signals)
        action = self._next_action(end, None)
        if action is None:
            raise InternalError("the worker ended by itself")
        if action is Action.DRAIN and graceful_seconds > 0:
            console.say(
                f"stopping: running requests have {graceful_seconds:g} s; "
                "Ctrl+C again stops at once"
            )
            served.drain()
            # New connections are refused from here on, instead of waiting for nobody.
            self._listeners.close()
            started = time.monotonic()
            self._next_action(end, started + graceful_seconds)
            waited = time.monotonic() - started
        else:
            waited = 0.0
        if not end.has_come:
            self._stop(served, end, waited)

    def _stop(self, served: worker.Worker, end: _End, waited: float) -> None:
        served.stop()
        self._listeners.close()
        deadline = time.monotonic() + _NOTICE_SECONDS
        while not end.has_come and time.monotonic() < deadline:
            self._signals.wait(deadline - time.monotonic())
        if not end.has_come:
            self.has_stuck_threads = True
            report_cut_off(waited)

    def _next_action(self, end: _End, deadline: float | None) -> Action | None:
        """`DRAIN` or `STOP`; `None` when the worker has ended or the time is over."""
        while not end.has_come:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            action = self._signals.wait(left)
            if action in (Action.DRAIN, Action.STOP):
                return action
            if action in _RESERVED:
                console.note(f"{_RESERVED[action]} is not there yet: serving goes on as before")
        return None


class _End:
    """Waits for the worker's end in a thread, and wakes the main one when it comes."""

    def __init__(self, served: worker.Worker, signals: SignalActions) -> None:
        self.has_come = False
        self._served = served
        self._signals = signals
        threading.Thread(target=self._wait, name="uncork-join", daemon=True).start()

    def _wait(self) -> None:
        while not self._served.join(_JOIN_SECONDS):
            pass
        self.has_come = True
        self._signals.wake()


def _tell_what_differs(located: LocatedApp, unheard: list[str]) -> None:
    for warning in located.warnings:
        console.warn(warning)
    options = located.run_options
    if options is not None and options.ignored:
        names = ", ".join(f"`{name}`" for name in options.ignored)
        console.note(
            f"no effect under `uncork serve`: {names} of {options.runner}, {options.where}"
        )
    if unheard:
        console.note(
            f"the app's own handlers are not called while it is served: {', '.join(unheard)}"
        )
