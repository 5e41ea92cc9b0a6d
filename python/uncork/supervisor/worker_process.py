"""The whole life of a worker process: it loads the app, serves it, and comes to an end.

It binds nothing: what to serve with, the supervisor gives it.
"""

from __future__ import annotations

import faulthandler
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from uncork import console
from uncork.app_locator import AppSpec, LocatedApp, with_app
from uncork.errors import UncorkError
from uncork.settings import ResolvedSettings
from uncork.supervisor.boot_watch import watch_boot
from uncork.supervisor.channel import Channel
from uncork.supervisor.desk import Desk
from uncork.supervisor.desk_worker import load_at_desk
from uncork.supervisor.ending import LAST_SECONDS, end_in, end_process
from uncork.supervisor.forking import Post
from uncork.supervisor.privileges import give_up_root
from uncork.supervisor.scoreboard import BoardRow
from uncork.supervisor.serving import Serving
from uncork.supervisor.signals import WORKER_ACTIONS, SignalActions
from uncork.supervisor.supervisor_link import SupervisorLink
from uncork.supervisor.supervisor_signals import hear_from_here
from uncork.supervisor.titles import show_worker


@dataclass(frozen=True)
class Plan:
    """What a generation is started with.

    Attributes:
        spec: What names the app.
        script_arguments: What the app finds in `sys.argv` behind its own name.
        environ: The environment to load the app in; `None` leaves it as it is.
        verbose: Show tracebacks whole, and say how the app was found.
        desk: What a development server has beside; `None` in production.
        died: How the worker before died while it loaded the app: this one loads nothing.
    """

    resolved: ResolvedSettings
    spec: AppSpec
    script_arguments: Sequence[str]
    environ: Mapping[str, str] | None
    verbose: bool
    desk: Desk | None = None
    died: str | None = None


def run_worker(
    plan: Plan, channel: Channel, post: Post, *, scoreboard: BoardRow | None = None
) -> int:
    """Serves until it is asked to stop; the exit code, which is then 0.

    Where it becomes a template, it returns in each of the workers that are forked from it.

    A stop that is asked for while the app is still being loaded ends with 0 too, and so does a
    script that only answers its own `--help`. May end the process itself instead of returning,
    when the user's code does not come to an end.

    Args:
        plan: What to serve.
        channel: To the supervisor.
        post: What it is to be; the first of a generation says what all of them would say.
        scoreboard: Where to show what it does, if anywhere.

    Raises:
        UncorkError: It could not be served.
    """
    show_worker(post, plan.spec.text)
    if plan.environ is not None:
        os.environ.clear()
        os.environ.update(plan.environ)
    give_up_root(plan.resolved.values)
    signals = SignalActions(
        lambda: end_process(0),
        actions=WORKER_ACTIONS,
        patience_seconds=LAST_SECONDS,
        # A service manager sends TERM to all the processes, and the supervisor does it again.
        # What is to end at once is asked with QUIT.
        repeat_seconds=math.inf,
    )
    if sys.__stderr__ is not None:
        with suppress(OSError, ValueError, RuntimeError):
            # What kills the process, the supervisor's ABRT too, says first where each thread is.
            faulthandler.enable(sys.__stderr__)
    link = SupervisorLink(channel, signals.wake, scoreboard)
    link.offer_dumps()
    serving = Serving(plan.resolved, signals, link, post, verbose=plan.verbose, desk=plan.desk)

    def serve_app() -> None:
        hear_from_here()
        boot_watch = watch_boot(plan.resolved.values.boot_timeout, link.say_failed)

        def use(located: LocatedApp) -> None:
            boot_watch.cancel()
            boot_watch.join()
            serving.use(located)

        def load() -> None:
            with_app(
                plan.spec,
                use,
                load_as=plan.resolved.values.load_as,
                script_arguments=plan.script_arguments,
                has_certificate=not plan.resolved.origins["cert"].is_default,
                verbose=plan.verbose,
            )

        try:
            if plan.desk is None:
                load()
            else:
                load_at_desk(
                    plan.desk,
                    plan.spec.text or "the app",
                    plan.died,
                    load,
                    use,
                    serving,
                    signals,
                    boot_watch.cancel,
                )
        finally:
            boot_watch.cancel()

    try:
        with signals:
            _run(serve_app, serving, signals)
    except UncorkError as error:
        if not serving.has_served:
            serving.link.say_failed(error)
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
