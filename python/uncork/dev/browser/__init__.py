"""What a browser gets from `uncork dev` beside the app's answers.

The debugger on errors, pages instead of an app that could not be loaded, and pages that follow
the code. All of it is WSGI, in the worker; it knows neither processes nor files.
"""

from uncork.dev.browser.debugger import CONSOLE_PATH, Debugger, DebuggerPolicy, debugger_pin
from uncork.dev.browser.instead import after_death, instead_of_app
from uncork.dev.browser.live_reload import LIVE_PATH, LiveReload

__all__ = [
    "CONSOLE_PATH",
    "LIVE_PATH",
    "Debugger",
    "DebuggerPolicy",
    "LiveReload",
    "after_death",
    "debugger_pin",
    "instead_of_app",
]
