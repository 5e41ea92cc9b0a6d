"""Answers through `wsgi.file_wrapper`, one kind of file per path.

The queries: `length` adds a `Content-Length`, a true one unless it is given; `from=N` seeks
there first; `read=N` reads so much first; `block=N` is the wrapper's block size. `/closed` lists
the `id` of every file that was closed, each time that it was.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qs

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SIZE = 300_000
BLOCK = bytes(range(256))
CONTENT = (BLOCK * (SIZE // len(BLOCK) + 1))[:SIZE]
_closed: list[str] = []
_lock = threading.Lock()


def note_closed(key: str) -> None:
    with _lock:
        _closed.append(key)


class Watched:
    """A file-like object without `fileno`, which tells when it is closed."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._stream = io.BytesIO(CONTENT)

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)

    def close(self) -> None:
        note_closed(self._key)


class ReadOnly:
    """The least that `wsgi.file_wrapper` may be given: `read`, and no `close`."""

    def __init__(self, key: str) -> None:
        self.read = io.BytesIO(CONTENT).read


class WatchedFile(io.FileIO):
    """A file of the disk that tells when it is closed."""

    key = ""

    def close(self) -> None:
        # Deliberately not each call: the interpreter calls it once more at the end.
        if not self.closed:
            note_closed(self.key)
        super().close()


class Failing(Watched):
    """Gives less than it is asked for, which is no end, and then breaks off."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._reads = 0

    def read(self, size: int = -1) -> bytes:
        self._reads += 1
        if self._reads > 2:
            raise OSError("the disk is gone")
        return super().read(min(size, 1000) if size > 0 else 1000)


def on_disk(key: str) -> WatchedFile:
    with tempfile.NamedTemporaryFile(delete=False) as written:
        written.write(CONTENT)
    file = WatchedFile(written.name)
    file.key = key
    Path(written.name).unlink()
    return file


def buffered(key: str) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the server closes it)
    file.write(CONTENT)
    file.seek(0)
    return file


def piped(key: str) -> IO[bytes]:
    """The end of a pipe into which another thread writes: no size, no seeking."""
    reader, writer = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writer, "wb") as file:
            file.write(CONTENT)

    threading.Thread(target=write).start()
    return os.fdopen(reader, "rb")


FILES: dict[str, Callable[[str], object]] = {
    "/disk": on_disk,
    "/buffered": buffered,
    "/pipe": piped,
    "/bytes-io": lambda key: io.BytesIO(CONTENT),
    "/watched": Watched,
    "/read-only": ReadOnly,
    "/failing": Failing,
    "/empty": lambda key: io.BytesIO(),
}


def wrap(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/closed":
        with _lock:
            return answers.as_json(start_response, _closed)
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    file = FILES[environ["PATH_INFO"]](query.get("id", [""])[0])
    offset = int(query.get("from", ["0"])[0])
    if offset:
        file.seek(offset)  # type: ignore[attr-defined]
    if "read" in query:
        file.read(int(query["read"][0]))  # type: ignore[attr-defined]
    headers = [("Content-Type", "application/octet-stream")]
    if "length" in query:
        headers.append(("Content-Length", query["length"][0] or str(SIZE - offset)))
    start_response("200 OK", headers)
    block = [int(query["block"][0])] if "block" in query else []
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, *block)
    return wrapped


app = answers.validated(wrap)
