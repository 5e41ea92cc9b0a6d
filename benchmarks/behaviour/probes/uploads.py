"""Request bodies: whether the application gets the whole, and never half of it as the whole."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.behaviour.client import Client, ask, chunked, get, post, sized
from benchmarks.behaviour.probe import Group, Probe, Verdict, judge, right, wrong

_CALL_SECONDS = 1.0  # for a call of the application that nobody waits for


def calls_of_upload(port: int) -> list[str]:
    """What `/upload` was given since the last call; where reading failed, `failed: …`."""
    with Client(port) as client:
        calls: list[str] = client.get("/calls").json() or []
    return calls


def _never_taken_for_whole(port: int, *, request: bytes) -> Verdict:
    calls_of_upload(port)
    with Client(port) as client:
        client.send(request)
        client.end()
        reply = client.reply()
    # A server without an answer may call the application still, behind the client's back.
    deadline = time.monotonic() + _CALL_SECONDS
    while not (calls := calls_of_upload(port)) and time.monotonic() < deadline:
        if reply.status is not None:
            break
        time.sleep(0.05)
    taken = [call for call in calls if not call.startswith("failed: ")]
    if taken:
        return wrong(f"the application gets {len(taken[0])} bytes as the whole, {reply.text}")
    return right(f"{reply.text}, reading fails" if calls else reply.text)


def _arrives(port: int, *, request: bytes) -> Verdict:
    reply = ask(port, request)
    if reply.is_fine and reply.json().get("body") == "hello":
        return right("it arrives")
    if reply.is_fine:
        return wrong(f"the application gets {len(reply.json().get('body', ''))} of 5 bytes")
    return wrong(reply.text)


def _coding_is_taken_off(port: int) -> Verdict:
    reply = ask(port, chunked("/upload", b"5\r\nhello\r\n0\r\n\r\n"))
    environ = reply.json()
    if not environ:
        return wrong(reply.text)
    if coding := environ.get("HTTP_TRANSFER_ENCODING"):
        return wrong(f"`HTTP_TRANSFER_ENCODING` is `{coding}`")
    return right("it is not there")


def _stays_in_step(port: int) -> Verdict:
    with Client(port) as client:
        client.send(sized("/fine", b"x" * 100_000) + get("/fine"))
        first, second = client.reply(), client.reply()
    if not first.is_fine:
        return wrong(first.text)
    if second.status is None:
        is_over = first.announces_the_end or second.end != "silent"
        return judge("200, then the end" if is_over else "200, then silence", is_right=is_over)
    return judge(f"200, {second.text} to the next", is_right=second.is_fine)


def _is_told_to_go_on(port: int) -> Verdict:
    with Client(port) as client:
        client.send(post("/upload", "Content-Length: 5", "Expect: 100-continue"))
        interim = client.reply()
        if interim.status != 100:
            return wrong(f"{interim.text} in place of 100")
        final = client.ask(b"hello")
        while final.status == 100:  # said more than once, which RFC 9110 §15.2 allows
            final = client.reply()
    is_right = final.is_fine and final.json().get("body") == "hello"
    return judge(f"100, then {final.text}", is_right=is_right)


def _broken(key: str, title: str, request: bytes) -> Probe:
    judgement = "400; the application never gets a part as the whole"
    return Probe(key, title, judgement, partial(_never_taken_for_whole, request=request))


_CHUNKED = chunked("/upload", b"5\r\nhello\r\n0\r\n\r\n")
GROUP = Group(
    "Request bodies",
    "In the first rows the client ends before its body does. In those about chunks, RFC 3875 is "
    "what WSGI is built on; its length of a body is what many applications read.",
    (
        _broken(
            "cut-off",
            "10 of 1000 bytes arrive",
            post("/upload", "Content-Length: 1000", body=b"x" * 10),
        ),
        _broken(
            "cut-off-between-chunks",
            "The last chunk is missing",
            chunked("/upload", b"a\r\nxxxxxxxxxx\r\n"),
        ),
        _broken(
            "cut-off-in-a-chunk",
            "5 of a chunk's 10 bytes arrive",
            chunked("/upload", b"a\r\nxxxxx"),
        ),
        Probe(
            "read-all",
            "The application calls `read()` without a size",
            "ends with the body (PEP 3333)",
            partial(_arrives, request=sized("/read-all", b"hello")),
        ),
        Probe(
            "chunks",
            "The body comes in chunks",
            "it arrives",
            partial(_arrives, request=_CHUNKED),
        ),
        Probe(
            "chunks-by-length",
            "It comes in chunks, and the application reads `CONTENT_LENGTH` bytes",
            "it arrives: the length is that of the body without its coding (RFC 3875 §4.1.2)",
            partial(_arrives, request=_CHUNKED.replace(b"/upload", b"/read-length")),
        ),
        Probe(
            "coding-left",
            "It comes in chunks: is the application told of a coding that is taken off?",
            "no: some would take it off once more",
            _coding_is_taken_off,
        ),
        Probe(
            "unread",
            "The application does not read 100 kB, and another request follows",
            "both are served, or the connection ends",
            _stays_in_step,
        ),
        Probe(
            "expect",
            "The client waits for `100 Continue`",
            "100, then the answer (RFC 9110 §10.1.1)",
            _is_told_to_go_on,
        ),
    ),
)
