"""What a worker of a development server has beside serving: see `uncork.dev`.

Here only its shape is known. In production there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from _typeshed.wsgi import WSGIApplication

    from uncork.app_locator import RunOptions


class DeskLink(Protocol):
    """The way from a desk to the supervisor; what is told there comes to `DeskListener`s."""

    def tell_supervisor(self, facts: Mapping[str, Any]) -> bool:
        """Whether it was sent; for any thread."""


class Desk(Protocol):
    """Made in the supervisor, which never calls it; used in each worker, for one life.

    Attributes:
        own_prefix: What paths begin with at which it answers itself.
    """

    own_prefix: str

    def begin(self, link: DeskLink, excuse: Callable[[], None]) -> None:
        """The app is about to be loaded.

        Args:
            link: To the supervisor.
            excuse: Has it take as long as it likes, when it asks somebody something.
        """

    def listens_on(self, hosts: Sequence[str]) -> None:
        """Where it is served too, by names or addresses; told before `around`."""

    def hear_run_call(self, options: RunOptions) -> Collection[str]:
        """What the script gave its own run call; told before `around`.

        Returns the names of the options that have an effect here, and not in production.
        """

    def around(self, app: WSGIApplication) -> WSGIApplication:
        """What is served instead of the app that was found; called before it serves."""

    def instead_of_app(self, error: BaseException) -> WSGIApplication:
        """What is served when the app could not be loaded.

        Args:
            error: Why; what the user's own code raised is its `__context__`.
        """

    def after_death(self, text: str) -> WSGIApplication:
        """What is served when the worker before died while it loaded the app.

        Args:
            text: How it died, as sentences.
        """

    def ready(self, link: DeskLink) -> None:
        """The worker serves."""

    def on_message(self, facts: Mapping[str, Any]) -> None:
        """The supervisor's side has told something; called in the thread that reads."""

    def draining(self) -> None:
        """The worker was asked to end: what would go on for ever is to end now."""
