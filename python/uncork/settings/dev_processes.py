"""The commands that run beside the app while it is developed, as they are written down."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from uncork.settings.bad_value import BadValueError

DevRestart = Literal["never", "on-failure", "always"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KEYS = {"run", "restart"}
_RESTARTS = ("never", "on-failure", "always")
# What only a shell understands, when it stands by itself between blanks.
_SHELL_WORDS = {"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"}
_HINT = 'write `css = "npm run watch"`, or the words: `css = ["npm", "run", "watch"]`'


@dataclass(frozen=True)
class DevProcess:
    """One command.

    Attributes:
        name: What stands before each line that it prints.
        run: Its words.
        restart: Whether it is started again when it has ended by itself.
    """

    name: str
    run: tuple[str, ...]
    restart: DevRestart = "never"

    @property
    def text(self) -> str:
        """The command, as it is typed."""
        return shlex.join(self.run)


@dataclass(frozen=True)
class DevProcesses:
    """A table of commands; as text, `NAME=COMMAND` with semicolons between them."""

    metavar: str = "NAME=COMMAND"
    form: str = "`NAME=COMMAND`; in a file, a table"

    def read(self, raw: object, folder: Path | None) -> tuple[DevProcess, ...]:
        """The commands, in their order."""
        del folder
        if raw == "none":
            return ()
        if isinstance(raw, Mapping):
            return tuple(_process(str(name), value) for name, value in raw.items())
        if isinstance(raw, str):
            raw = [part for part in raw.split(";") if part.strip()]
        if not isinstance(raw, list | tuple):
            raise BadValueError(
                "it is not a table", "write `[tool.uncork.dev.processes]`, and names in it"
            )
        return tuple(_each_named_once(_from_text(item) for item in raw))

    def show(self, value: object) -> str:
        """The commands as text."""
        assert isinstance(value, tuple)
        return "; ".join(f"{each.name}={each.text}" for each in value) or "none"


def _from_text(item: object) -> DevProcess:
    name, equals, run = str(item).partition("=")
    if not equals:
        raise BadValueError("it has no name", "write `css=npm run watch`")
    return _process(name.strip(), run.strip())


def _each_named_once(processes: Iterable[DevProcess]) -> Iterable[DevProcess]:
    seen: set[str] = set()
    for process in processes:
        if process.name in seen:
            raise BadValueError(f"`{process.name}` is named twice", "name each process once")
        seen.add(process.name)
        yield process


def _process(name: str, value: object) -> DevProcess:
    if not _NAME.fullmatch(name):
        raise BadValueError(f"`{name}` is no name", "use letters, digits, `_`, `-` and `.`")
    restart: object = "never"
    if isinstance(value, Mapping):
        if unknown := sorted(set(value) - _KEYS):
            raise BadValueError(f"`{name}` has no `{unknown[0]}`", "write `run` and `restart`")
        restart = value.get("restart", restart)
        if restart not in _RESTARTS:
            raise BadValueError(
                f"`restart` of `{name}` is none of its words",
                "write `never`, `on-failure` or `always`",
            )
        value = value.get("run")
    return DevProcess(name, _words(name, value), cast("DevRestart", restart))


def _words(name: str, value: object) -> tuple[str, ...]:
    words = value
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise BadValueError(f"of `{name}`: {str(error).lower()}", _HINT) from None
        if found := sorted(_SHELL_WORDS.intersection(words)):
            raise BadValueError(
                f"`{found[0]}` in the command of `{name}` is for a shell, and none runs it",
                f'name the shell: `{name} = ["sh", "-c", "…"]`',
            )
    if not isinstance(words, list) or not words:
        raise BadValueError(f"`{name}` runs nothing", _HINT)
    if not all(isinstance(word, str) and "\0" not in word for word in words) or not words[0]:
        raise BadValueError(f"the command of `{name}` is not made of texts", _HINT)
    return tuple(words)
