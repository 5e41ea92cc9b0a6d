"""What a worker of `uncork dev` has beside serving: the debugger and live reload, joined.

Made in the supervisor and used in a worker. It tells the supervisor, once it serves,
`{"debugger_pin": …, "debugger_why_off": …}`, and hears `{"refresh": "css"}` or
`{"refresh": "page"}` from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from uncork.app_locator import DebugOptions, RunOptions, wsgi_shape
from uncork.dev.borrowing import Borrowing
from uncork.dev.browser import Debugger, DebuggerPolicy, LiveReload, after_death, instead_of_app
from uncork.dev.browser.live_reload import OWN_PREFIX

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


# Of a run call: the reloader is there anyway, unless it was turned off.
_HEARD = frozenset(
    {
        "debug",
        "use_reloader",
        "use_debugger",
        "use_evalex",
        "extra_files",
        "exclude_patterns",
    }
)


class Link(Protocol):
    """The way to the supervisor."""

    def tell_supervisor(self, facts: Mapping[str, Any]) -> bool:
        """Whether it was sent."""


class DevelopmentDesk:
    """One worker's.

    Args:
        policy: Who gets the debugger.
        is_live: Whether pages follow the code.
        is_debugger_set: Whether somebody has set on purpose whether there is a debugger.
        facts: More for the supervisor to be told, made when the worker serves; given the app
            that was found, or `None`, and what went wrong.
    """

    own_prefix = OWN_PREFIX

    def __init__(
        self,
        policy: DebuggerPolicy,
        *,
        is_live: bool = True,
        is_debugger_set: bool = False,
        facts: Callable[[WSGIApplication | None, BaseException | None], Mapping[str, Any]]
        | None = None,
    ) -> None:
        self._policy = policy
        self._is_live = is_live
        self._is_debugger_set = is_debugger_set
        self.said = DebugOptions()
        self._facts = facts
        self._app: WSGIApplication | None = None
        self._error: BaseException | None = None
        self._borrowing: Borrowing | None = None
        # Made in the worker: each has a number of its own, and Werkzeug is imported there only.
        self._live: LiveReload | None = None
        self._debugger: Debugger | None = None

    def begin(self, link: Link, excuse: Callable[[], None]) -> None:
        """From here on, code that asks something at the terminal gets it.

        Args:
            link: To the supervisor.
            excuse: Called when it does, since that takes as long as it likes.
        """
        self._borrowing = Borrowing(link.tell_supervisor, excuse)
        self._borrowing.begin()

    def listens_on(self, hosts: Sequence[str]) -> None:
        """Lets the debugger know who may reach it."""
        self._policy = replace(self._policy, hosts=(*self._policy.hosts, *hosts))

    def hear_run_call(self, options: RunOptions) -> Collection[str]:
        """Takes what the script's own run call says of development."""
        self.said = said = options.debugging
        if said.use_debugger is not None and not self._is_debugger_set:
            self._policy = replace(self._policy, is_wanted=said.use_debugger)
        if said.use_evalex is False:
            self._policy = replace(self._policy, has_console=False)
        return _HEARD

    def around(self, app: WSGIApplication) -> WSGIApplication:
        """The app, with the debugger on its errors and the script in its pages."""
        self._app = app
        if self.said.debug and wsgi_shape.is_flask(app):
            app.debug = True  # type: ignore[attr-defined]  # as `app.run()` does it
        return self._with_script(self._made_debugger().around(app))

    def instead_of_app(self, error: BaseException) -> WSGIApplication:
        """What raises `error`, or says it, at each request."""
        self._error = error
        return self._with_script(instead_of_app(error, self._made_debugger()))

    def after_death(self, text: str) -> WSGIApplication:
        """What says how the worker before died."""
        return self._with_script(after_death(text))

    def ready(self, link: Link) -> None:
        """Tells the supervisor what it can't know."""
        debugger = self._made_debugger()
        more = self._facts(self._app, self._error) if self._facts is not None else {}
        link.tell_supervisor(
            {
                "debugger_pin": debugger.pin,
                "debugger_why_off": debugger.why_off,
                **more,
            }
        )

    def on_message(self, facts: Mapping[str, Any]) -> None:
        """Has the open pages changed, if that is what is asked for."""
        if self._borrowing is not None:
            self._borrowing.on_message(facts)
        what = facts.get("refresh")
        if self._live is not None and what in ("css", "page"):
            self._live.refresh(what)

    def draining(self) -> None:
        """Ends the streams to the open pages, which then wait for the next worker."""
        if self._live is not None:
            self._live.end()

    def _made_debugger(self) -> Debugger:
        if self._debugger is None:
            self._debugger = Debugger(self._policy)
        return self._debugger

    def _with_script(self, app: WSGIApplication) -> WSGIApplication:
        if not self._is_live:
            return app
        if self._live is None:
            self._live = LiveReload()
        return self._live.around(app)
