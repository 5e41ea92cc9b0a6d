"""Where a control socket may lie, when nobody has said where.

In the folder that the service manager has made for the service, else in that of the user's
session, else in no folder at all: an abstract socket of Linux, which goes with its server. The
name tells servers apart by the number of their process; two containers that share a folder may
both have a process 1, so there may be a few letters behind it.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from uncork.settings import RuntimeFolder, runtime_folders

_ABSTRACT = "uncork/control/"
_NAME = r"(\d+)(?:-[0-9a-f]+)?"
_OWN_FILE = re.compile(rf"uncork-{_NAME}\.sock")
_OWN_ABSTRACT = re.compile(rf"@{_ABSTRACT}{_NAME}")
# `sun_path` has 108 bytes on Linux and 104 on macOS, with a zero at the end.
MAX_PATH_BYTES = 103


@dataclass(frozen=True)
class Place:
    """The address of a control socket.

    Attributes:
        text: A path, or `@` and an abstract name, as the kernel's own lists have it.
    """

    text: str

    @property
    def is_abstract(self) -> bool:
        """Whether there is no file."""
        return self.text.startswith("@")

    @property
    def address(self) -> str:
        """What `bind` and `connect` take."""
        return "\0" + self.text[1:] if self.is_abstract else self.text

    @property
    def is_default(self) -> bool:
        """Whether it has a name that uncork chose."""
        if self.is_abstract:
            return _OWN_ABSTRACT.fullmatch(self.text) is not None
        return process_of_file(Path(self.text).name) is not None

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The place of a file."""
        return cls(str(path))


def default_places(suffix: str = "", *, is_for_all: bool = False) -> Iterator[Place]:
    """Where this process may have its control socket, the best place first.

    Makes uncork's own folder in that of the session, which it needs. What can't be written to
    is left out, and so is what is not this user's.

    Args:
        suffix: What follows the number of the process.
        is_for_all: Not in the folder of a session, which is closed to other users.
    """
    for folder in runtime_folders():
        if not (is_for_all and folder.is_session) and _is_usable(folder):
            place = Place.of_file(folder.path / f"uncork-{os.getpid()}{suffix}.sock")
            if len(os.fsencode(place.text)) <= MAX_PATH_BYTES:
                yield place
    if sys.platform == "linux":
        yield Place(f"@{_ABSTRACT}{os.getpid()}{suffix}")


def process_of_file(name: str) -> int | None:
    """The process that a file's name tells of; `None`: it is not a name that uncork chooses."""
    found = _OWN_FILE.fullmatch(name)
    return int(found[1]) if found else None


def _is_usable(folder: RuntimeFolder) -> bool:
    path = folder.path
    try:
        if folder.is_session:
            if path.parent.stat().st_uid != os.geteuid():
                return False  # root, with the environment of somebody else
            path.mkdir(mode=0o700, exist_ok=True)
        found = path.stat()
    except OSError:
        return False
    if folder.is_session and found.st_uid != os.geteuid():
        return False
    return stat.S_ISDIR(found.st_mode) and os.access(path, os.W_OK | os.X_OK)
