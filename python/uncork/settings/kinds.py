"""The kinds of value a setting can have: how one is read, shown, and explained.

A flag and a variable give text; a file may give TOML's own numbers and arrays as well.
Every kind reads both, so a value means the same wherever it stands.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from uncork.settings.bad_value import BadValueError
from uncork.settings.bind import Bind, parse_bind
from uncork.settings.quantities import (
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

UNLIMITED = "unlimited"
AUTO = "auto"
NONE = "none"


class Kind(Protocol):
    """One kind of value."""

    @property
    def metavar(self) -> str:
        """What stands for the value in help, such as `SIZE`."""

    @property
    def form(self) -> str:
        """What to write, for the reference page: one phrase."""

    def read(self, raw: object, folder: Path | None) -> object:
        """The value that `raw` means; `folder` is where its relative paths begin.

        Raises:
            BadValueError: It means nothing of this kind.
        """

    def show(self, value: object) -> str:
        """The text that `read` reads back as `value`."""


@dataclass(frozen=True)
class Text:
    """A text that is not looked into."""

    metavar: str
    form: str

    def read(self, raw: object, folder: Path | None) -> str:
        """The text itself."""
        del folder
        return _text(raw)

    def show(self, value: object) -> str:
        """The text itself, or `none`."""
        return "none" if value is None else str(value)


@dataclass(frozen=True)
class Choice(Text):
    """One of a few words."""

    words: tuple[str, ...] = ()

    def read(self, raw: object, folder: Path | None) -> str:
        """The word, spelled as declared."""
        if _text(raw) in self.words:
            return _text(raw)
        words = ", ".join(f"`{word}`" for word in self.words)
        raise BadValueError("it is not one of the words known here", f"write one of {words}")


@dataclass(frozen=True)
class Switch:
    """Yes or no; its flag has a `--no-` beside it."""

    metavar: str = "BOOL"
    form: str = "`true` or `false`"

    def read(self, raw: object, folder: Path | None) -> bool:
        """What `raw` says, as click and Flask understand it in a variable."""
        del folder
        word = str(raw).strip().lower()
        if word in ("1", "true", "t", "yes", "y", "on"):
            return True
        if word in ("0", "false", "f", "no", "n", "off"):
            return False
        raise BadValueError("it is neither yes nor no", "write `true` or `false`")

    def show(self, value: object) -> str:
        """`true` or `false`; `none` where it depends."""
        return "none" if value is None else str(value).lower()


@dataclass(frozen=True)
class Names:
    """A list of texts; a variable has them between the characters that part paths."""

    metavar: str
    form: str

    def read(self, raw: object, folder: Path | None) -> tuple[str, ...]:
        """Each text, made absolute when it is a path from a file of settings."""
        parts = raw.split(os.pathsep) if isinstance(raw, str) else raw
        if not isinstance(parts, list | tuple):
            raise BadValueError("it is no list", "write an array of texts")
        texts = tuple(text for part in parts for text in _text(part).split(os.pathsep) if text)
        if folder is None or self.metavar != "PATH":
            return texts
        return tuple(str(folder / text) for text in texts)

    def show(self, value: object) -> str:
        """The texts, parted as a variable has them."""
        return os.pathsep.join(value) if isinstance(value, tuple) and value else "none"


@dataclass(frozen=True)
class Owner(Text):
    """`user`, `user:group` or `:group`; whether they exist, whoever binds finds out."""

    def read(self, raw: object, folder: Path | None) -> str:
        """The text, when it has that form."""
        text = _text(raw)
        if re.fullmatch(r"[^:\s]+(:[^:\s]+)?|:[^:\s]+", text):
            return text
        raise BadValueError(
            "it does not name an owner", "write `user`, `user:group` or `:group`, as for `chown`"
        )


@dataclass(frozen=True)
class Account(Text):
    """A user or a group, by name or number; whether it exists, whoever becomes it finds out."""

    def read(self, raw: object, folder: Path | None) -> str:
        """The name, or the number in digits."""
        text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else _text(raw)
        if re.fullmatch(r"[^:\s-][^:\s]*", text):
            return text
        raise BadValueError("it does not name an account", f"write {self.form}")


@dataclass(frozen=True)
class Count:
    """A whole number in a range; `None` stands for no limit where that may be."""

    minimum: int
    maximum: int
    can_be_unlimited: bool = False
    metavar: str = "NUMBER"

    @property
    def form(self) -> str:
        """The range in words."""
        form = f"a whole number from {self.minimum:,} to {self.maximum:,}"
        return f"{form}, or `{UNLIMITED}`" if self.can_be_unlimited else form

    def read(self, raw: object, folder: Path | None) -> int | None:
        """The number, when it is in range."""
        del folder
        if self.can_be_unlimited and raw == UNLIMITED:
            return None
        number = raw if isinstance(raw, int) and not isinstance(raw, bool) else None
        if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,18}", raw):
            number = int(raw)
        if number is None:
            raise BadValueError("it is not a whole number", f"write {self.form}")
        if not self.minimum <= number <= self.maximum:
            raise BadValueError("it is out of range", f"write {self.form}")
        return number

    def show(self, value: object) -> str:
        """The number in digits."""
        without = UNLIMITED if self.can_be_unlimited else NONE
        return without if value is None else str(value)


@dataclass(frozen=True)
class CountOrAuto(Count):
    """A whole number in a range, or `auto`, which is `None`: what the machine gives."""

    @property
    def form(self) -> str:
        """The range in words."""
        return f"{super().form}, or `{AUTO}`"

    def read(self, raw: object, folder: Path | None) -> int | None:
        """The number, when it is in range."""
        return None if raw == AUTO else super().read(raw, folder)

    def show(self, value: object) -> str:
        """The number in digits."""
        return AUTO if value is None else str(value)


@dataclass(frozen=True)
class Duration:
    """A span of time, seconds without a unit; `None` stands for no limit where that may be."""

    minimum: float
    maximum: float
    can_be_unlimited: bool = False
    metavar: str = "DURATION"

    @property
    def form(self) -> str:
        """The range in words."""
        low, high = format_duration(self.minimum), format_duration(self.maximum)
        form = f"a duration from {low} to {high}"
        return f"{form}, or `{UNLIMITED}`" if self.can_be_unlimited else form

    def read(self, raw: object, folder: Path | None) -> float | None:
        """The duration in seconds, when it is in range."""
        del folder
        if self.can_be_unlimited and raw == UNLIMITED:
            return None
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            seconds = float(raw)
        else:
            seconds = parse_duration(_text(raw))
        if not self.minimum <= seconds <= self.maximum:
            raise BadValueError("it is out of range", f"write {self.form}")
        return seconds

    def show(self, value: object) -> str:
        """The duration with its units."""
        if value is None:
            return UNLIMITED
        assert isinstance(value, float)
        return format_duration(value)


@dataclass(frozen=True)
class Size:
    """A number of bytes; `None` stands for no limit where that may be."""

    minimum: int
    maximum: int
    can_be_unlimited: bool = False
    metavar: str = "SIZE"

    @property
    def form(self) -> str:
        """The range in words."""
        form = f"a size from {format_size(self.minimum)} to {format_size(self.maximum)}"
        return f"{form}, or `{UNLIMITED}`" if self.can_be_unlimited else form

    def read(self, raw: object, folder: Path | None) -> int | None:
        """The size in bytes, when it is in range."""
        del folder
        if self.can_be_unlimited and raw == UNLIMITED:
            return None
        is_number = isinstance(raw, int) and not isinstance(raw, bool)
        size = raw if is_number and isinstance(raw, int) else parse_size(_text(raw))
        if not self.minimum <= size <= self.maximum:
            raise BadValueError("it is out of range", f"write {self.form}")
        return size

    def show(self, value: object) -> str:
        """The size with its unit."""
        if value is None:
            return UNLIMITED
        assert isinstance(value, int)
        return format_size(value)


@dataclass(frozen=True)
class Mode:
    """Permission bits, always in octal digits and always as text.

    Deliberately not: a TOML integer. `660` there is decimal, and nobody means that.
    """

    metavar: str = "MODE"
    form: str = "three octal digits in quotes, as for `chmod`"

    def read(self, raw: object, folder: Path | None) -> int:
        """The bits."""
        del folder
        if isinstance(raw, str) and re.fullmatch(r"(0o?)?[0-7]{3}", raw):
            return int(raw[-3:], 8)
        raise BadValueError(
            "it is not a mode of three octal digits",
            'write it as for `chmod`: `660`, and in a file with quotes: `"660"`',
        )

    def show(self, value: object) -> str:
        """The bits in octal."""
        return f"{value:03o}"


@dataclass(frozen=True)
class Binds:
    """One address to listen on, or several."""

    metavar: str = "ADDRESS"
    form: str = "`host:port`, `[ipv6]:port`, `unix:/path` or `fd://N`"

    def read(self, raw: object, folder: Path | None) -> tuple[Bind, ...]:
        """The addresses: of an array, or of text with a comma between them."""
        if isinstance(raw, str):
            raw = [part.strip() for part in raw.split(",")]
        if not isinstance(raw, list | tuple) or not raw:
            raise BadValueError("it names no address", f"write {self.form}")
        if len(raw) == 1:
            return (_bind(raw[0], folder),)
        binds = tuple(self._read_one_of_many(item, folder) for item in raw)
        for index, bind in enumerate(binds):
            # Port 0 twice is two free ports.
            if bind in binds[:index] and (bind.kind != "tcp" or bind.port):
                raise BadValueError(f"`{bind.text}` is named twice", "name each address once")
        return binds

    def show(self, value: object) -> str:
        """The addresses with a comma between them."""
        assert isinstance(value, tuple)
        return ", ".join(bind.text for bind in value)

    def _read_one_of_many(self, item: object, folder: Path | None) -> Bind:
        try:
            return _bind(item, folder)
        except BadValueError as error:
            raise BadValueError(f"of `{item}`: {error.cause}", error.hint) from None


@dataclass(frozen=True)
class OneBind:
    """One address to listen on; `None` stands for none."""

    metavar: str = "ADDRESS"
    form: str = Binds.form

    def read(self, raw: object, folder: Path | None) -> Bind:
        """The address."""
        if isinstance(raw, str) and "," in raw:
            raise BadValueError("it names several addresses", "name one")
        return _bind(raw, folder)

    def show(self, value: object) -> str:
        """The address, or `none`."""
        return value.text if isinstance(value, Bind) else "none"


@dataclass(frozen=True)
class FilePath:
    """A file that is there, or one word with a meaning of its own."""

    metavar: str = "FILE"
    word: str | None = None

    @property
    def form(self) -> str:
        """What to write."""
        return f"a path, or `{self.word}`" if self.word else "a path"

    def read(self, raw: object, folder: Path | None) -> str:
        """The path, made absolute when it came from a file of settings."""
        text = _text(raw)
        if self.word and text.lower() == self.word:
            return self.word
        path = str(folder / text) if folder else text
        if os.path.isfile(path):  # noqa: PTH113 (pathlib raises where this says no)
            return path
        if os.path.isdir(path):  # noqa: PTH112
            raise BadValueError("it is a folder", "name a file")
        raise BadValueError(f"there is no file `{path}`", "name a file that exists")

    def show(self, value: object) -> str:
        """The path, or `none`."""
        return "none" if value is None else str(value)


@dataclass(frozen=True)
class SocketPath:
    """Where a socket's file is to be, or one of two words."""

    metavar: str = "PATH"
    form: str = f"a path, `{AUTO}`, or `none`"

    def read(self, raw: object, folder: Path | None) -> str:
        """The path, made absolute when it came from a file of settings; or the word."""
        text = _text(raw)
        if text in (AUTO, "none"):
            return text
        try:
            return parse_bind(f"unix:{folder / text if folder else text}").path
        except BadValueError as error:
            hint = f"write a path such as `/run/hello/control.sock`, `{AUTO}` or `none`"
            raise BadValueError(error.cause, hint) from None

    def show(self, value: object) -> str:
        """The path, or the word."""
        return str(value)


def _bind(raw: object, folder: Path | None) -> Bind:
    if isinstance(raw, Bind):
        return raw
    bind = parse_bind(_text(raw))
    if bind.kind == "unix" and folder:
        return parse_bind(f"unix:{folder / bind.path}")
    return bind


@dataclass(frozen=True)
class RequestTarget:
    """A path with or without a query, as a request has it, or `none`."""

    metavar: str = "PATH"
    form: str = "a path that begins with `/`, or `none`"

    def read(self, raw: object, folder: Path | None) -> str | None:
        """The target as it is written; `None` for `none`."""
        del folder
        text = _text(raw)
        if text == NONE:
            return None
        if re.fullmatch(r"/[!-\"$-~]*", text):
            return text
        raise BadValueError("it is not the path of a request", f"write {self.form}")

    def show(self, value: object) -> str:
        """The target, or `none`."""
        return NONE if value is None else str(value)


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise BadValueError("it is not a text", "put it in quotes")
    if not raw or "\0" in raw:
        raise BadValueError("it is empty", "give a value, or leave the setting out")
    return raw
