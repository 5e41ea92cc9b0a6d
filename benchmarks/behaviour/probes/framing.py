"""Requests that two programs could read in two ways: what request smuggling is made of.

What a standard leaves to the server is right here, too: then a row has a way of its own to be
judged, and not a refusal alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.behaviour.client import Client, Reply, chunked, get, post
from benchmarks.behaviour.probe import Group, Probe, Verdict, right, wrong
from benchmarks.behaviour.probes.uploads import calls_of_upload

_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
_MEBIBYTE = 1024 * 1024
Lawful = Callable[[Client, Reply], str | None]


def _refused(port: int, *, request: bytes, lawful: Lawful | None) -> Verdict:
    calls_of_upload(port)
    with Client(port) as client:
        reply = client.ask(request)
        if reply.is_refusal:
            return right(reply.text)
        if reply.is_fine and lawful is not None and (text := lawful(client, reply)):
            return right(f"200, {text}")
    if reply.status is not None and reply.status >= 500:
        return _failed(port, reply)
    if reply.is_fine and request.startswith(b"POST"):
        return wrong(f"200, the application gets {_shown(reply.json().get('body', ''))}")
    if not reply.is_fine or b"X-Value" not in request:
        return wrong(reply.text)
    value = reply.json().get("HTTP_X_VALUE")
    return wrong("200, the header is lost" if value is None else f"200, with the value `{value!a}`")


def _failed(port: int, reply: Reply) -> Verdict:
    """A 500: nothing was taken for something else if reading the body failed."""
    taken = [call for call in calls_of_upload(port) if not call.startswith("failed: ")]
    return wrong(f"{reply.text} behind the application") if taken else right(reply.text)


def _shown(body: str) -> str:
    return f"`{body}`" if body.isprintable() and body else f"{len(body)} bytes"


def _by_its_chunks_and_ends(client: Client, reply: Reply) -> str | None:
    """RFC 9112 §6.1: the coding overrules the length, and the connection must be closed."""
    is_read_by_chunks = reply.json().get("body") == "hello"
    return "by its chunks, closes" if is_read_by_chunks and not client.is_kept() else None


def _as_one_line(client: Client, reply: Reply) -> str | None:
    """RFC 9112 §5.2: a fold may be replaced by spaces."""
    value = str(reply.json().get("HTTP_X_VALUE", ""))
    return "as one line" if value.split(" ")[:1] + value.split(" ")[-1:] == ["one", "two"] else None


def _without_control_characters(client: Client, reply: Reply) -> str | None:
    """RFC 9110 §5.5: NUL and CR may be replaced by a space."""
    value = str(reply.json().get("HTTP_X_VALUE", "\0"))
    return "without it" if not {"\0", "\r"} & set(value) else None


def _is_answered(port: int) -> Verdict:
    with Client(port) as client:
        reply = client.ask(get("/fine", "X: " + "x" * _MEBIBYTE))
    if reply.status is None:
        return wrong(reply.text)
    return right(reply.text) if 400 <= reply.status < 500 else wrong(reply.text)


def _refusal(
    key: str, title: str, request: bytes, source: str, lawful: tuple[str, Lawful] | None = None
) -> Probe:
    judgement = "refused" if lawful is None else f"refused, or {lawful[0]}"
    way = partial(_refused, request=request, lawful=lawful[1] if lawful else None)
    return Probe(key, title, f"{judgement} ({source})", way)


_ENDS = ("read by its chunks and the connection ended", _by_its_chunks_and_ends)
_CLEAN = ("passed on without it", _without_control_characters)
GROUP = Group(
    "Framing attacks",
    "Refused means an answer of 4xx, 501 or 505, or the end of the connection. A 500 is counted as "
    "right when the application was not called, or when reading its body failed.",
    (
        _refusal(
            "both-framings",
            "`Content-Length` and `Transfer-Encoding`",
            post("/upload", "Content-Length: 4", "Transfer-Encoding: chunked", body=_CHUNKS),
            "RFC 9112 §6.1",
            _ENDS,
        ),
        _refusal(
            "two-lengths",
            "Two different lengths",
            post("/upload", "Content-Length: 5", "Content-Length: 4", body=b"hello"),
            "RFC 9112 §6.3",
        ),
        _refusal(
            "signed-length",
            "`Content-Length: +5`",
            post("/upload", "Content-Length: +5", body=b"hello"),
            "RFC 9112 §6.3",
        ),
        _refusal(
            "unknown-coding",
            "`Transfer-Encoding: xchunked`",
            post("/upload", "Transfer-Encoding: xchunked", body=_CHUNKS),
            "RFC 9112 §6.1",
        ),
        _refusal(
            "chunked-not-last",
            "`Transfer-Encoding: chunked, identity`",
            post("/upload", "Transfer-Encoding: chunked, identity", body=_CHUNKS),
            "RFC 9112 §6.3",
        ),
        _refusal(
            "chunked-in-1.0",
            "`Transfer-Encoding` in HTTP/1.0, which is to be kept alive",
            post(
                "/upload",
                "Transfer-Encoding: chunked",
                "Connection: keep-alive",
                body=_CHUNKS,
                version="1.0",
            ),
            "RFC 9112 §6.1",
            _ENDS,
        ),
        _refusal(
            "chunk-size-prefix",
            "A chunk of size `0x5`",
            chunked("/upload", b"0x5\r\nhello\r\n0\r\n\r\n"),
            "RFC 9112 §7.1",
        ),
        _refusal(
            "chunk-size-letters",
            "A chunk of size `zz`",
            chunked("/upload", b"zz\r\nhello\r\n0\r\n\r\n"),
            "RFC 9112 §7.1",
        ),
        _refusal(
            "chunk-bare-lf",
            "A chunk's line that ends with a bare LF: `5;\\n`",
            chunked("/upload", b"5;\nhello\r\n0\r\n\r\n"),
            "RFC 9112 §7.1.1",
        ),
        _refusal(
            "garbage-behind-chunk",
            "Garbage behind a good chunk",
            chunked("/upload", b"5\r\nhello\r\ngarbage\r\n\r\n"),
            "RFC 9112 §7.1",
        ),
        _refusal(
            "chunk-too-long",
            "A chunk that is longer than its size",
            chunked("/upload", b"3\r\nhello\r\n0\r\n\r\n"),
            "RFC 9112 §7.1",
        ),
        _refusal(
            "nul",
            "A NUL in a header's value",
            get("/environ", "X-Value: a\0b"),
            "RFC 9110 §5.5",
            _CLEAN,
        ),
        _refusal(
            "bare-cr",
            "A bare CR in a header's value",
            get("/environ", "X-Value: a\rb"),
            "RFC 9110 §5.5",
            _CLEAN,
        ),
        _refusal(
            "fold",
            "A header folded over two lines",
            get("/environ", "X-Value: one\r\n two"),
            "RFC 9112 §5.2",
            ("read as one line", _as_one_line),
        ),
        _refusal(
            "space-before-colon",
            "A space before the colon",
            post("/upload", "Content-Length : 5", body=b"hello"),
            "RFC 9112 §5.1",
        ),
        _refusal("two-hosts", "Two `Host`s", get("/environ", "Host: b"), "RFC 9112 §3.2"),
        _refusal(
            "no-host",
            "No `Host` in HTTP/1.1",
            get("/environ").replace(b"Host: a\r\n", b""),
            "RFC 9112 §3.2",
        ),
        Probe(
            "large-head",
            "A header of 1 MiB",
            "there is a limit, and the client learns of it: 4xx",
            _is_answered,
        ),
    ),
)
