"""Werkzeug's debugger around an app: who gets it, and what the others get.

Whoever has it runs any code in the worker. So it is there for this machine alone, unless the
developer wants otherwise, and behind a PIN.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncork import console
from uncork.dev.browser.error_pages import ErrorPages
from uncork.dev.browser.pages import send_text, wants_html
from uncork.dev.browser.trust import is_loopback, is_trusted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from werkzeug.debug import DebuggedApplication

CONSOLE_PATH = "/_uncork/console"
_COMMAND = "__debugger__=yes"


@dataclass(frozen=True)
class DebuggerPolicy:
    """Whether the debugger is there, and for whom.

    Attributes:
        is_wanted: Whether the developer wants it.
        is_for_network: Whether other machines get it too.
        has_console: Whether it evaluates expressions, behind its PIN.
        hosts: Where the server listens: names and addresses; a unix socket is none of them.
        project: The folder of the project: each has a PIN of its own.
    """

    is_wanted: bool = True
    is_for_network: bool = False
    has_console: bool = True
    hosts: Sequence[str] = ()
    project: Path = field(default_factory=Path.cwd)

    @property
    def why_off(self) -> str | None:
        """Why nobody gets the debugger; `None`: it is on."""
        if not self.is_wanted:
            return "the debugger is off (`--no-debugger`)"
        others = [host for host in self.hosts if not is_loopback(host)]
        if others and not self.is_for_network:
            return (
                f"no debugger, since others reach `{others[0]}`; "
                "`--debugger-on-network` turns it on"
            )
        if importlib.util.find_spec("werkzeug") is None:
            return "Werkzeug's debugger is used if Werkzeug is installed"
        return None

    def refusal(self, environ: WSGIEnvironment) -> str | None:
        """Why this client does not get the debugger, which is on; `None`: it does."""
        header = environ.get("HTTP_HOST")
        if is_trusted(header, self.hosts, trusts_network=self.is_for_network):
            return None
        return (
            f"the debugger answers to the names of this machine only, and `{header or ''}` is "
            "none that it knows: call the server `localhost`, or start it with `--host`"
        )


class Debugger:
    """Gives the debugger to whoever may have it.

    Attributes:
        why_off: Why nobody gets it; `None`: it is on.
        pin: What unlocks its console; `None`: it is off, or needs none.
    """

    def __init__(self, policy: DebuggerPolicy) -> None:
        self.why_off = policy.why_off
        has_pin = self.why_off is None and policy.has_console
        self.pin = debugger_pin(policy.project) if has_pin else None
        self._policy = policy

    def around(self, app: WSGIApplication) -> WSGIApplication:
        """`app` with the debugger on what it raises, or with plain pages."""
        if self.why_off is not None:
            return ErrorPages(app, (self.why_off,))
        return _Debugged(app, self._policy, self.pin)


def debugger_pin(project: Path) -> str | None:
    """The PIN of a project, the same at each start; `None`: Werkzeug is missing, or it is off.

    `WERKZEUG_DEBUG_PIN` sets it, and `off` turns it off. Imports Werkzeug.
    """
    pin, _ = _pin_and_cookie(project)
    return pin


class _Debugged:
    """An app with the debugger; programs get tracebacks as text."""

    def __init__(self, app: WSGIApplication, policy: DebuggerPolicy, pin: str | None) -> None:
        self._app = app
        self._plain = ErrorPages(app)
        self._policy = policy
        self._pin = pin
        self._debugger = _make(app, policy)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_command = _COMMAND in environ.get("QUERY_STRING", "")
        is_console = environ.get("PATH_INFO") == CONSOLE_PATH
        if not is_command and not is_console and not wants_html(environ):
            return self._plain(environ, start_response)
        refusal = self._policy.refusal(environ)
        if refusal is None:
            if is_command and "cmd=printpin" in environ["QUERY_STRING"] and self._pin:
                console.say(f"debugger PIN: {self._pin}")
            return self._debugger(environ, start_response)
        if is_command or is_console:
            return send_text("403 Forbidden", "plain", f"{refusal}\n", start_response)
        return ErrorPages(self._app, (refusal,))(environ, start_response)


def _make(app: WSGIApplication, policy: DebuggerPolicy) -> DebuggedApplication:
    from werkzeug.debug import DebuggedApplication  # noqa: PLC0415 (may be missing)

    class Debugged(DebuggedApplication):
        def check_host_trust(self, environ: WSGIEnvironment) -> bool:
            return True  # `_Debugged` has asked the policy, which knows IPv6 as well

    debugged = Debugged(
        app,
        evalex=policy.has_console,
        console_path=CONSOLE_PATH,
        console_init_func=lambda: {"app": app},
        pin_logging=False,
    )
    # The same for each app of the project, also for what stands in place of it: who has given
    # the PIN once has given it.
    pin, cookie = _pin_and_cookie(policy.project)
    debugged._pin = pin
    if cookie is not None:
        debugged._pin_cookie = cookie
    return debugged


def _pin_and_cookie(project: Path) -> tuple[str | None, str | None]:
    try:
        from werkzeug.debug import get_pin_and_cookie_name  # noqa: PLC0415 (may be missing)
    except ImportError:
        return None, None

    class Stand:  # stands for the app: Werkzeug makes the PIN of its module and its name
        pass

    stand: Any = Stand()
    stand.__module__ = f"uncork:{os.fspath(project)}"
    return get_pin_and_cookie_name(stand)
