"""Returns the same text in every kind of iterable an app may return, one per path.

The query `length` adds a `Content-Length`.
"""

from __future__ import annotations

import io
import tempfile
from collections import UserList, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import answers
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PIECES = [b"one ", b"two ", b"three"]
TEXT = b"".join(PIECES)


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [("Content-Type", "text/plain")]
    if environ["QUERY_STRING"] == "length":
        headers.append(("Content-Length", str(len(TEXT))))
    start_response("200 OK", headers)
    made: Iterable[bytes] = KINDS[environ["PATH_INFO"].removeprefix("/")]()
    return made


class OwnBytes(bytes):
    """What some template engines yield."""


class OwnList(list[bytes]):
    """A list that knows better than its base class what it holds."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(PIECES)


class OwnIterator:
    def __init__(self) -> None:
        self._pieces = iter(PIECES)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)


class OwnIterable:
    """Not an iterator: each `iter` starts anew. Its length counts pieces, not bytes."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(PIECES)

    def __len__(self) -> int:
        return len(PIECES)


class Sequence:
    """The old protocol: `__getitem__` until an `IndexError`."""

    def __getitem__(self, index: int) -> bytes:
        return PIECES[index]


def in_file() -> Iterable[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the server closes it)
    file.write(TEXT)
    file.seek(0)
    return file


KINDS: dict[str, Callable[[], Any]] = {
    "list": lambda: list(PIECES),
    "list-of-one": lambda: [TEXT],
    "tuple": lambda: tuple(PIECES),
    "tuple-of-one": lambda: (TEXT,),
    "generator": lambda: (piece for piece in PIECES),
    "map": lambda: map(bytes, PIECES),
    "deque": lambda: deque(PIECES),
    "user-list": lambda: UserList(PIECES),
    "list-subclass": lambda: OwnList([b"wrong"] * len(PIECES)),
    "dictionary": lambda: dict.fromkeys(PIECES),
    "own-iterator": OwnIterator,
    "own-iterable": OwnIterable,
    "getitem-only": Sequence,
    "bytes-subclass": lambda: [OwnBytes(TEXT)],
    "bytes-subclasses": lambda: (OwnBytes(piece) for piece in PIECES),
    "bytes": lambda: map(bytes, zip(TEXT)),  # one byte at a time
    "closing-iterator": lambda: ClosingIterator(PIECES, [lambda: None]),
    "bytes-io": lambda: io.BytesIO(TEXT),
    "file": in_file,
    "empty-strings-between": lambda: [b"", PIECES[0], b"", b"", *PIECES[1:], b""],
    "empty-strings-between-generated": lambda: iter([b"", PIECES[0], b"", *PIECES[1:], b""]),
    "empty-list": list,
    "empty-tuple": tuple,
    "empty-generator": lambda: iter(()),
    "one-empty-string": lambda: [b""],
    "empty-strings": lambda: [b"", b"", b""],
    "empty-strings-generated": lambda: iter([b"", b"", b""]),
    # What no app may return.
    "none": lambda: None,
    "number": lambda: 42,
    "strings": lambda: ["a str"],
    "string": lambda: "a str",
    "byte-arrays": lambda: [bytearray(b"x")],
    "memory-views": lambda: [memoryview(b"x")],
    "nones": lambda: iter([None]),
    "strings-later": lambda: iter([b"bytes first", "then a str"]),
}

app = answers.validated(answer)
