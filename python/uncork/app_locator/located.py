"""The words that the parts of the app locator share: what was asked for, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed.wsgi import WSGIApplication

LoadAs = Literal["auto", "module", "script"]


@dataclass(frozen=True)
class AppSpec:
    """What names the app, and who said so."""

    text: str | None
    """`None`: nothing was named, look around."""
    source: str
    """For messages: "the argument", "`--app`", "`FLASK_APP`", "`pyproject.toml`"."""
    is_factory_call: bool = False
    """`--call module:factory`, as waitress spells it."""


@dataclass(frozen=True)
class DebugOptions:
    """What a run call says of development; `None` in a field: it was not given there."""

    debug: bool | None = None
    use_debugger: bool | None = None
    use_evalex: bool | None = None
    extra_files: tuple[str, ...] = ()
    exclude_patterns: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOptions:
    """What the script gave its own run call; `None` in a field: it was not given there."""

    runner: str
    """"`app.run()`" without the backticks, "waitress.serve()", and so on."""
    where: str
    """The line of the call, as in "hello.py:12"."""
    host: str | None = None
    port: int | None = None
    unix_socket: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    is_adhoc_tls: bool = False
    """A self-signed certificate was asked for."""
    threads: int | None = None
    ignored: tuple[str, ...] = ()
    """Options given there that have no effect under uncork, as in "use_reloader"."""
    debugging: DebugOptions = DebugOptions()
    """For `uncork dev`; in production, those are among the ignored ones."""


@dataclass(frozen=True)
class LocatedApp:
    """A WSGI callable, and how it was come by."""

    app: WSGIApplication
    name: str
    """As in "hello:app"."""
    origin: str
    """For the banner: where it is from, as in "imported from `hello.py`"."""
    explanation: str
    """For whoever wants to know more: how it was found, which way was taken and why."""
    run_options: RunOptions | None = None
    warnings: tuple[str, ...] = ()
    failure: str | None = None
    """Why the app could not be loaded, and `app` is something that says so."""
