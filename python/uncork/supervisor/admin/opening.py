"""Opens the admin listener at the start of the server."""

from __future__ import annotations

from collections.abc import Callable

from uncork.errors import UncorkError
from uncork.settings import Settings
from uncork.supervisor.admin.duty import AdminDuty, Observed
from uncork.supervisor.listeners import ListenerOptions, Listeners
from uncork.supervisor.privileges import run_as
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.status import ServerStatus


def open_admin(
    settings: Callable[[], Settings],
    listeners: Listeners,
    status: Callable[[], ServerStatus],
    scoreboard: Scoreboard,
) -> AdminDuty:
    """The duty of the admin listener, which is open by then.

    Args:
        settings: Those that hold.
        listeners: Opened here, unless they are; the caller's to close.
        status: How the server is.
        scoreboard: Where the workers show what they do.

    Raises:
        UncorkError: The address can't be listened on.
    """
    if not listeners.is_open:
        try:
            _open(settings(), listeners)
        except UncorkError as error:
            raise _about_admin(error) from None
    return AdminDuty(listeners, Observed(settings, status, scoreboard), Respawning())


def _open(settings: Settings, listeners: Listeners) -> None:
    assert settings.admin is not None
    who = run_as(settings)
    owner = settings.unix_owner or (who.owner if who else None)
    options = ListenerOptions(settings.backlog, settings.unix_mode, owner)
    listeners.open((settings.admin,), options)


def _about_admin(error: UncorkError) -> UncorkError:
    """The same error, with what to do about this listener instead of the app's."""
    hints = tuple(hint.replace("--bind", "--admin") for hint in error.hints)
    return type(error)(error.what, cause=error.cause, hints=hints, details=error.details)
