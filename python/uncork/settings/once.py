"""The processes that run once beside the workers, as they are written down."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from uncork.settings.bad_value import BadValueError

Restart = Literal["on-failure", "always"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_KEYS = {"run", "restart"}
_RESTARTS = ("on-failure", "always")
_HINT = 'write `scheduler = "jobs:run"`, or a command: `beat = "celery -A jobs beat"`'


@dataclass(frozen=True)
class OnceProcess:
    """One process.

    Attributes:
        name: What it is called in the log.
        run: The text of `module:function`, or the words of a command.
        restart: Whether it is started again when it has ended with 0, too.
    """

    name: str
    run: str | tuple[str, ...]
    restart: Restart = "on-failure"

    @property
    def text(self) -> str:
        """What it runs, as it is typed."""
        return self.run if isinstance(self.run, str) else shlex.join(self.run)


@dataclass(frozen=True)
class Once:
    """A table of processes; as text, `NAME=WHAT` with semicolons between them."""

    metavar: str = "NAME=RUN"
    form: str = "`NAME=MODULE:FUNCTION` or `NAME=COMMAND`; in a file, a table"

    def read(self, raw: object, folder: Path | None) -> tuple[OnceProcess, ...]:
        """The processes, in their order."""
        del folder
        if raw == "none":
            return ()
        if isinstance(raw, Mapping):
            return tuple(_process(str(name), value) for name, value in raw.items())
        if isinstance(raw, str):
            raw = [part for part in raw.split(";") if part.strip()]
        if not isinstance(raw, list | tuple):
            raise BadValueError("it is not a table", "write `[tool.uncork.once]`, and names in it")
        return tuple(_named_once(_from_text(item) for item in raw))

    def show(self, value: object) -> str:
        """The processes as text."""
        assert isinstance(value, tuple)
        return "; ".join(f"{each.name}={each.text}" for each in value) or "none"


def _from_text(item: object) -> OnceProcess:
    name, equals, run = str(item).partition("=")
    if not equals:
        raise BadValueError("it has no name", "write `--once scheduler=jobs:run`")
    return _process(name.strip(), run.strip())


def _named_once(processes: Iterable[OnceProcess]) -> Iterable[OnceProcess]:
    seen: set[str] = set()
    for process in processes:
        if process.name in seen:
            raise BadValueError(f"`{process.name}` is named twice", "name each process once")
        seen.add(process.name)
        yield process


def _process(name: str, value: object) -> OnceProcess:
    if not _NAME.fullmatch(name):
        raise BadValueError(f"`{name}` is no name", "use letters, digits, `_`, `-` and `.`")
    restart: object = "on-failure"
    if isinstance(value, Mapping):
        if unknown := sorted(set(value) - _KEYS):
            raise BadValueError(f"`{name}` has no `{unknown[0]}`", "write `run` and `restart`")
        restart = value.get("restart", restart)
        if restart not in _RESTARTS:
            raise BadValueError(
                f"`restart` of `{name}` is neither of its words", "write `on-failure` or `always`"
            )
        value = value.get("run")
    return OnceProcess(name, _run(name, value), cast("Restart", restart))


def _run(name: str, value: object) -> str | tuple[str, ...]:
    if isinstance(value, str) and _FUNCTION.fullmatch(value):
        return value
    words = value
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise BadValueError(f"of `{name}`: {str(error).lower()}", _HINT) from None
    if not isinstance(words, list) or not words:
        raise BadValueError(f"`{name}` runs nothing", _HINT)
    if not all(isinstance(word, str) and word and "\0" not in word for word in words):
        raise BadValueError(f"the command of `{name}` is not made of texts", _HINT)
    return tuple(words)
