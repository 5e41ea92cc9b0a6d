"""`uncork shell`: what `flask shell` does, for every app that can be found."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncork.cli.app_options import app_argument, choose_app, with_chosen_app
from uncork.cli.commands import AppCommand
from uncork.cli.setting_flags import APP_SETTINGS, setting_options
from uncork.cli.wrapped_apps import find_inside

if TYPE_CHECKING:
    from uncork.app_locator import LocatedApp

_HELP = """\
Run Python with an application at hand.

With Flask this is `flask shell`: an application context is pushed, and the names of the
shell context are there. With any other application, `app` is there. When stdin is not a
terminal, it is read as if it were typed, without prompts.
"""


def shell(**parameters: Any) -> None:
    """Runs the shell until its input ends."""
    with_chosen_app(choose_app(parameters), _interact)


def _interact(located: LocatedApp) -> None:
    import code  # noqa: PLC0415 (only a shell needs it)

    flask_app: Any = find_inside(located.app, _is_flask_app)
    context: AbstractContextManager[Any] = flask_app.app_context() if flask_app else nullcontext()
    with context:
        namespace: dict[str, Any] = {}
        _run_startup_file(namespace)
        namespace |= flask_app.make_shell_context() if flask_app else {"app": located.app}
        is_terminal = sys.stdin.isatty()
        _set_up_completion(namespace, is_terminal=is_terminal)
        banner = _banner(located, flask_app) if is_terminal else ""
        with nullcontext() if is_terminal else _no_prompts():
            code.interact(banner=banner, local=namespace, exitmsg=None if is_terminal else "")


def _is_flask_app(app: object) -> bool:
    flask = sys.modules.get("flask")
    return flask is not None and isinstance(app, flask.Flask)


def _run_startup_file(namespace: dict[str, Any]) -> None:
    # As `flask shell`: unlike Python itself, for piped input too.
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and os.path.isfile(startup):  # noqa: PTH113 (as Flask has it)
        exec(compile(Path(startup).read_bytes(), startup, "exec"), namespace)


def _set_up_completion(namespace: dict[str, Any], *, is_terminal: bool) -> None:
    # `site` sets the hook; it switches readline on, with history and completion.
    hook = getattr(sys, "__interactivehook__", None)
    if hook is None or not is_terminal:
        return
    try:
        import readline  # noqa: PLC0415 (not every Python has it)
        from rlcompleter import Completer  # noqa: PLC0415
    except ImportError:
        pass
    else:
        # By default it completes the names of `__main__`, which is us.
        readline.set_completer(Completer(namespace).complete)
    hook()


def _banner(located: LocatedApp, flask_app: Any) -> str:
    lines = [f"Python {sys.version} on {sys.platform}"]
    if flask_app:
        return "\n".join(
            [*lines, f"App: {flask_app.import_name}", f"Instance: {flask_app.instance_path}"]
        )
    return "\n".join([*lines, f"App: {located.name}, as `app`"])


@contextmanager
def _no_prompts() -> Iterator[None]:
    # stdout is data: only what the script prints belongs there.
    names = ("ps1", "ps2")
    before = {name: getattr(sys, name) for name in names if hasattr(sys, name)}
    for name in names:
        setattr(sys, name, "")
    try:
        yield
    finally:
        for name in names:
            delattr(sys, name)
        for name, prompt in before.items():
            setattr(sys, name, prompt)


command = AppCommand(
    "shell",
    callback=shell,
    help=_HELP,
    params=[app_argument(), *setting_options(APP_SETTINGS)],
)
