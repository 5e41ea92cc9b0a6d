"""Puts one tag into pages that a browser is going to show, and touches no other answer.

A page is what was asked for to be shown: the browser says so (`Sec-Fetch-Dest`). Where none does,
a page is what begins as a whole HTML document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Write = Callable[[bytes], object]

_SHOWN = ("document", "iframe", "frame", "embed", "object")
_ATTRIBUTES = rb"""(?:\s(?:[^>"']|"[^"]*"|'[^']*')*)?"""
# What may stand before a document's content, each once and in this order. A tag behind it is where
# the parser is in the head, and has the mode that the document type gives.
_START = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?P<type><!doctype[^>]*>)?"
    rb"(?:\s*<!--.*?-->)*(?:\s*(?P<html><html" + _ATTRIBUTES + rb">))?"
    rb"(?:\s*<!--.*?-->)*(?:\s*<head" + _ATTRIBUTES + rb">)?",
    re.IGNORECASE | re.DOTALL,
)
# How much of a page may come before it is clear what it is.
_UNDECIDED_BYTES = 1024
_NO_BODY = ("204", "205", "206", "304")
# They say something of the very bytes.
_DROPPED = frozenset(
    {
        "accept-ranges",
        "content-digest",
        "content-md5",
        "digest",
        "etag",
        "last-modified",
        "repr-digest",
    }
)
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'")


def inserting(
    app: WSGIApplication, tag_for: Callable[[WSGIEnvironment, str | None], bytes]
) -> WSGIApplication:
    """`app`, with the tag in its pages.

    Args:
        app: The app.
        tag_for: Makes the tag for a request, with the nonce that scripts must have, if any.
    """

    def answer_request(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        destination = environ.get("HTTP_SEC_FETCH_DEST")
        if environ["REQUEST_METHOD"] == "HEAD" or destination not in (None, *_SHOWN):
            return app(environ, start_response)
        answer = _Answer(
            start_response, lambda nonce: tag_for(environ, nonce), is_shown=destination is not None
        )
        iterable = app(environ, answer.start)
        return iterable if answer.is_left_alone else _Inserting(iterable, answer)

    return answer_request


class _Answer:
    """One answer, held back from `start_response` to the first bytes that tell what it is.

    Attributes:
        is_left_alone: Whether it went on untouched, and goes on so.
    """

    def __init__(
        self,
        start_response: StartResponse,
        tag: Callable[[str | None], bytes],
        *,
        is_shown: bool,
    ) -> None:
        self.is_left_alone = False
        self._start_response = start_response
        self._tag = tag
        self._is_shown = is_shown
        self._head: tuple[str, list[tuple[str, str]], Any] | None = None
        self._write: Write | None = None
        self._held = b""

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Write:
        """What the app is given as `start_response`."""
        if not self.is_left_alone and self._write is None and _may_be_page(status, headers):
            self._head = (status, headers, exc_info)
            return self._write_piece
        self.is_left_alone = self.is_left_alone or self._write is None
        self._head = None
        return self._pass_on(status, headers, exc_info)

    def take(self, piece: bytes) -> bytes | None:
        """What to send for a piece of the body; `None`: what it is shows only with the next."""
        if self._head is None:
            return piece
        self._held += piece
        if _is_undecided(self._held) and len(self._held) < _UNDECIDED_BYTES:
            return None
        return self._begin()

    def end(self) -> bytes:
        """What is left to be sent when the body has ended."""
        return self._begin() if self._head is not None else b""

    def _begin(self) -> bytes:
        assert self._head is not None
        status, headers, exc_info = self._head
        self._head = None
        held, self._held = self._held, b""
        place = _place_in(held, is_shown=self._is_shown)
        if place is None:
            self._write = self._pass_on(status, headers, exc_info)
            return held
        tag = self._tag(_nonce_of(headers))
        self._write = self._pass_on(status, _with_room(headers, len(tag)), exc_info)
        return held[:place] + tag + held[place:]

    def _write_piece(self, piece: bytes, /) -> None:
        taken = self.take(piece)
        if taken is not None and self._write is not None:
            self._write(taken)

    def _pass_on(self, status: str, headers: list[tuple[str, str]], exc_info: Any) -> Write:
        if exc_info is None:
            return self._start_response(status, headers)
        return self._start_response(status, headers, exc_info)


class _Inserting:
    """The app iterable of an answer that may be a page."""

    def __init__(self, iterable: Iterable[bytes], answer: _Answer) -> None:
        self._iterable = iterable
        self._answer = answer
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._iterable)
        for piece in self._iterator:
            taken = self._answer.take(piece)
            if taken is not None:
                return taken
        left = self._answer.end()
        if left:
            return left
        raise StopIteration

    def close(self) -> None:
        """Closes the app iterable."""
        close: Callable[[], Any] | None = getattr(self._iterable, "close", None)
        if close is not None:
            close()


def _may_be_page(status: str, headers: list[tuple[str, str]]) -> bool:
    if status.startswith(("1", "3")) or status.startswith(_NO_BODY):
        return False
    fields = {name.lower(): value.strip().lower() for name, value in headers}
    return (
        re.match(r"text/html\s*(;|$)", fields.get("content-type", "")) is not None
        and "utf-16" not in fields["content-type"]
        and "utf-32" not in fields["content-type"]
        and fields.get("content-encoding", "identity") == "identity"
        and "content-range" not in fields
        and not fields.get("content-disposition", "").startswith("attachment")
    )


def _is_undecided(start: bytes) -> bool:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<!--"):
        return b"-->" not in text or _is_undecided(text.partition(b"-->")[2])
    is_opening = text.startswith((b"<!", b"<?")) or b"<html".startswith(text[:5].lower())
    return not text or (is_opening and b">" not in text)


def _place_in(start: bytes, *, is_shown: bool) -> int | None:
    """Where the tag goes in a page that begins so; `None`: it is no page."""
    match = _START.match(start)
    if match is None or not start:
        return None
    if is_shown or match["type"] or match["html"]:
        return match.end()
    return None


def _nonce_of(headers: list[tuple[str, str]]) -> str | None:
    for name, value in headers:
        if name.lower() == "content-security-policy":
            match = _NONCE.search(value)
            if match is not None:
                return match[1]
    return None


def _with_room(headers: list[tuple[str, str]], size: int) -> list[tuple[str, str]]:
    """The fields of an answer that has become `size` bytes longer."""
    changed = []
    for name, value in headers:
        if name.lower() == "content-length" and value.strip().isdecimal():
            changed.append((name, str(int(value) + size)))
        elif name.lower() not in _DROPPED:
            changed.append((name, value))
    return changed
