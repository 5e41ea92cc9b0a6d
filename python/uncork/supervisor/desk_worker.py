"""How a worker of a development server loads the app: whatever goes wrong, something is served."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from uncork import console
from uncork.app_locator import LocatedApp
from uncork.errors import InternalError, UncorkError, UsageError
from uncork.supervisor.signals import SignalActions

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from uncork.supervisor.desk import Desk
    from uncork.supervisor.serving import Serving


def load_at_desk(  # noqa: PLR0913, PLR0917 (each is a thing of its own)
    desk: Desk,
    name: str,
    died: str | None,
    load: Callable[[], None],
    use: Callable[[LocatedApp], None],
    serving: Serving,
    signals: SignalActions,
    excuse: Callable[[], None],
) -> None:
    """Serves the app, or what the desk has in its place; returns when serving has ended.

    Args:
        desk: Has something to serve in any case.
        name: What to call the app that is not there.
        died: How the worker before died while it loaded the app; `None`: it did not.
        load: Finds the app and calls `use` with it.
        use: Serves.
        serving: Knows whether anything was served.
        signals: Know whether an end was asked for.
        excuse: Has the app take as long as it likes to load: somebody is asked something.

    Raises:
        UncorkError: What was typed can't be understood, or it could not be served.
    """
    serving.link.hear_desk = desk.on_message
    desk.begin(serving.link, excuse)
    if died is not None:
        use(_in_place_of_app(desk.after_death(died), name, died))
        return
    try:
        load()
    except BaseException as error:
        is_ours = isinstance(error, UsageError) or serving.failure is not None
        if is_ours or serving.has_served or signals.is_stop_asked:
            raise
        console.fail(error if isinstance(error, UncorkError) else _unexpected(error))
        failed = error
    else:
        if not (serving.has_served or serving.failure or signals.is_stop_asked):
            serving.link.say_answered()
        return
    use(_in_place_of_app(desk.instead_of_app(failed), name, str(failed)))


def _in_place_of_app(app: WSGIApplication, name: str, why: str) -> LocatedApp:
    return LocatedApp(
        app=app, name=name, origin="in the place of the app", explanation=why, failure=why
    )


def _unexpected(error: BaseException) -> InternalError:
    return InternalError(
        f"uncork failed: {type(error).__name__}: {error}",
        cause="this is a fault of uncork, not of your application",
        hints=("please report it",),
        details="".join(traceback.format_exception(error)),
    )
