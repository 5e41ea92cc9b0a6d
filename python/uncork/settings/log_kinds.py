"""The kinds of value that only logs have."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from uncork.settings.bad_value import BadValueError
from uncork.settings.kinds import Text

_TAKEN_HEADERS = frozenset(
    {"connection", "content-length", "content-type", "cookie", "date", "expect", "host"}
    | {"keep-alive", "proxy", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True)
class LogPath:
    """A file to append to, which may not be there yet; `-` for a stream, or `none`."""

    stream: str
    metavar: str = "FILE"

    @property
    def form(self) -> str:
        """What to write."""
        return f"a path, `-` for {self.stream}, or `none`"

    def read(self, raw: object, folder: Path | None) -> str | None:
        """The path, made absolute when it came from a file of settings."""
        text = Text(self.metavar, self.form).read(raw, folder)
        if text == "none":
            return None
        if text == "-":
            return text
        path = str(folder / text) if folder else text
        if os.path.isdir(path):  # noqa: PTH112 (pathlib raises where this says no)
            raise BadValueError("it is a folder", "name a file")
        if not os.path.isdir(os.path.dirname(path) or "."):  # noqa: PTH112, PTH120
            raise BadValueError(f"there is no folder for `{path}`", "make it, or name another file")
        return path

    def show(self, value: object) -> str:
        """The path, or `none`."""
        return "none" if value is None else str(value)


@dataclass(frozen=True)
class HeaderName(Text):
    """The name of a header that is nobody else's."""

    def read(self, raw: object, folder: Path | None) -> str:
        """The name as it was written."""
        text = super().read(raw, folder)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", text):
            raise BadValueError(
                "it is not the name of a header",
                "write letters, digits and `-`, as in `X-Request-ID`",
            )
        if text.lower() in _TAKEN_HEADERS:
            raise BadValueError("that header has a meaning of its own", "write `X-Request-ID`")
        return text
