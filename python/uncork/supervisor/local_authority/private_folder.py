"""A folder that is this user's alone, in which each file is whole or not there."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_LOCK = ".lock"
_FOLDER_MODE = 0o700
_OPEN_TO_OTHERS = 0o077


class UnusableFolderError(Exception):
    """Nothing can be kept there; the text says why."""


@dataclass(frozen=True)
class PrivateFolder:
    """A folder with mode 0700; its files have mode 0600 unless it is said otherwise.

    Attributes:
        path: Where it is, or is to be.
    """

    path: Path

    def make(self) -> None:
        """Makes the folder, if there is none.

        Raises:
            UnusableFolderError: It can't be made, or it is not this user's.
        """
        self._refuse_anothers()
        try:
            self.path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            if self.path.stat().st_mode & _OPEN_TO_OTHERS:
                self.path.chmod(_FOLDER_MODE)
        except OSError as error:
            raise UnusableFolderError(_because(self.path, error)) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps others who ask for the same out, where the file system can do that."""
        with ExitStack() as at_end:
            # What can't be written to needs no lock: each file is whole there.
            with suppress(OSError):
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                descriptor = os.open(self.path / _LOCK, flags, 0o600)
                at_end.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    def read(self, name: str) -> bytes | None:
        """What is in a file; `None`: there is none.

        Raises:
            UnusableFolderError: It is there and can't be read.
        """
        path = self.path / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnusableFolderError(_because(path, error)) from None

    def write(self, name: str, content: bytes, mode: int = 0o600) -> None:
        """Puts a file in the place of the one of that name.

        Raises:
            UnusableFolderError: It can't be written.
        """
        try:
            # `mkstemp` makes it with mode 0600, so that nobody reads a key in between.
            descriptor, draft = tempfile.mkstemp(prefix=".draft-", dir=self.path)
            try:
                with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
                    file.write(content)
                    os.fchmod(file.fileno(), mode)
                    file.flush()
                    os.fsync(file.fileno())
                Path(draft).rename(self.path / name)
            except BaseException:
                with suppress(OSError):
                    Path(draft).unlink()
                raise
        except OSError as error:
            raise UnusableFolderError(_because(self.path, error)) from None

    def _refuse_anothers(self) -> None:
        """Root with the environment of somebody else would leave files that are not theirs."""
        for nearest in (self.path, *self.path.parents):
            try:
                owner = nearest.stat().st_uid
                break
            except FileNotFoundError:
                continue
            except OSError as error:
                raise UnusableFolderError(_because(nearest, error)) from None
        else:
            return
        if owner != os.geteuid() and (nearest == self.path or os.geteuid() == 0):
            raise UnusableFolderError(f"`{nearest}` belongs to another user")


def _because(path: Path, error: OSError) -> str:
    return f"`{path}`: {(error.strerror or str(error)).lower()}"
