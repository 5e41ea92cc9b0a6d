"""Binds, finds the app, and keeps it served until somebody asks for the end.

One process does all of it for now, and the parts are those of two: listeners and signals are
the supervisor's and know no app; `uncork.worker` serves and knows no address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from uncork import console
from uncork.app_locator import AppSpec, with_app
from uncork.errors import UncorkError
from uncork.settings import ResolvedSettings
from uncork.supervisor.ending import end_in, end_process
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.serving import LAST_SECONDS, Serving
from uncork.supervisor.signals import SignalActions

__all__ = ["serve"]


def serve(
    resolved: ResolvedSettings,
    spec: AppSpec,
    script_arguments: Sequence[str],
    *,
    verbose: bool,
) -> int:
    """Serves until it is asked to stop; the exit code, which is then 0.

    A stop that is asked for while the app is still being loaded ends with 0 too, and so does a
    script that only answers its own `--help`. May end the process itself instead of returning,
    when the user's code does not come to an end.

    Args:
        resolved: The settings.
        spec: What names the app.
        script_arguments: What the app finds in `sys.argv` behind its own name.
        verbose: Show tracebacks whole.

    Raises:
        UncorkError: It could not be served.
    """
    listeners = Listeners()

    def end_now() -> None:
        listeners.close()
        console.say("stopped at once, as asked")
        end_process(0)

    signals = SignalActions(end_now, patience_seconds=LAST_SECONDS)
    serving = Serving(resolved, signals, listeners, verbose=verbose)

    def serve_app() -> None:
        serving.bind_early()
        with_app(
            spec,
            serving.use,
            load_as=resolved.values.load_as,
            script_arguments=script_arguments,
            has_certificate=not resolved.origins["cert"].is_default,
            verbose=verbose,
        )

    try:
        with signals, listeners:
            _run(serve_app, serving, signals)
    except UncorkError as error:
        if serving.has_stuck_threads:
            console.fail(error)
            end_process(error.exit_code)
        end_in(LAST_SECONDS, error.exit_code)
        raise
    if serving.has_stuck_threads:
        end_process(0)
    end_in(LAST_SECONDS, 0)
    return 0


def _run(serve_app: Callable[[], None], serving: Serving, signals: SignalActions) -> None:
    """Calls `serve_app` and raises what really went wrong, whatever the user's code made of it."""
    try:
        serve_app()
    except BaseException:
        # The script that called us may have caught what went wrong, and raised its own.
        if serving.failure is not None:
            raise serving.failure from None
        if serving.has_served or not signals.is_stop_asked:
            raise
    if serving.failure is not None:
        raise serving.failure
    _say_how_it_ended(serving, signals)


def _say_how_it_ended(serving: Serving, signals: SignalActions) -> None:
    if serving.has_served:
        console.say("stopped")
    elif signals.is_stop_asked:
        console.say("stopped before the app was loaded, as asked")
    # Otherwise the script has only answered `--help` or the like.
