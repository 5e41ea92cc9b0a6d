"""Answers on the wire: no client takes half for the whole, or one answer's end for the next."""

from __future__ import annotations

from functools import partial

from benchmarks.behaviour.client import Client, ask, get
from benchmarks.behaviour.probe import Group, Probe, Verdict, judge, right, wrong

_CUT = {
    "whole": "looks whole",
    "closed": "cut off",
    "reset": "reset",
    "silent": "the client waits on",
    "garbled": "garbage in the chunks",
}


def _is_cut(port: int, *, request: bytes) -> Verdict:
    reply = ask(port, request)
    if reply.status is not None and reply.status >= 500:
        return right(reply.text)
    if reply.status is None:
        return judge(reply.text, is_right=reply.end in {"closed", "reset"})
    return judge(_CUT[reply.end], is_right=reply.end in {"closed", "reset", "garbled"})


def _injects_nothing(port: int) -> Verdict:
    reply = ask(port, get("/line-break"))
    if reply.value("X-Evil"):
        return wrong("a header is injected")
    return right(reply.text if reply.status != 200 else "200 without the header")


def _keeps_to_the_length(port: int) -> Verdict:
    with Client(port) as client:
        reply = client.get("/too-long")
        if reply.status is not None and reply.status >= 500:
            return right(reply.text)
        surplus = client.surplus()
        is_kept = client.is_kept()
    if not surplus:
        return judge("cut to the length", is_right=reply.body == b"fine")
    return judge(f"surplus sent, {'kept' if is_kept else 'closes'}", is_right=not is_kept)


def _ends_short_of_the_length(port: int) -> Verdict:
    reply = ask(port, get("/too-short"))
    text = reply.text if reply.status != 200 else _CUT[reply.end]
    return judge(text, is_right=reply.end in {"closed", "reset"} or reply.status == 500)


def _has_no_body(port: int, *, request: bytes, status: int) -> Verdict:
    with Client(port) as client:
        reply = client.ask(request)
        surplus = client.surplus()
    if reply.status is not None and reply.status >= 500:
        return right(reply.text)  # the application's own mistake
    if reply.status != status:
        return wrong(reply.text)
    return wrong("a body is sent") if surplus else right("none")


def _is_not_chunked(port: int) -> Verdict:
    reply = ask(port, get("/pieces", version="1.0"))
    if reply.is_chunked:
        return wrong("chunked")
    return judge("not chunked", is_right=reply.is_fine and reply.body == b"firstsecond")


def _can_be_read(port: int) -> Verdict:
    reply = ask(port, get("/own-coding"))
    if reply.status is not None and reply.status >= 500:
        return right(reply.text)
    is_right = reply.is_fine and reply.body == b"firstsecond"
    return judge("the whole body" if is_right else "a body that can not be read", is_right=is_right)


def _are_in_order(port: int) -> Verdict:
    with Client(port) as client:
        client.send(b"".join(get(f"/environ?{number}") for number in (1, 2, 3)))
        replies = [client.reply() for _ in range(3)]
    answers = [reply for reply in replies if reply.status is not None]
    queries = [reply.json().get("QUERY_STRING") for reply in answers]
    if not answers:
        return wrong(replies[0].text)
    if queries != ["1", "2", "3"][: len(queries)]:
        return wrong(f"answered: {', '.join(map(str, queries))} of 1, 2, 3")
    if len(answers) == 3:
        return right("all, in order")
    if answers[-1].announces_the_end:
        return right(f"{len(answers)} of 3, then an announced end")
    is_silent = replies[len(answers)].end == "silent"
    return wrong(f"{len(answers)} of 3, then {'silence' if is_silent else 'an unannounced end'}")


GROUP = Group(
    "Answers",
    "Where the application errs, a 500 in place of its answer is right.",
    (
        Probe(
            "fails-later",
            "The application fails after two pieces",
            "the client can tell: the last chunk is missing",
            partial(_is_cut, request=get("/fails-later")),
        ),
        Probe(
            "fails-later-1.0",
            "The same, for a client of HTTP/1.0",
            "a reset: an orderly end would look whole",
            partial(_is_cut, request=get("/fails-later", version="1.0")),
        ),
        Probe(
            "line-break",
            "A header's value has a line break",
            "nothing is injected",
            _injects_nothing,
        ),
        Probe(
            "too-long",
            "The body is longer than its `Content-Length`",
            "cut, or the connection ends",
            _keeps_to_the_length,
        ),
        Probe(
            "too-short",
            "The body is shorter than its `Content-Length`",
            "the connection ends",
            _ends_short_of_the_length,
        ),
        Probe(
            "own-coding",
            "The application sets `Transfer-Encoding` itself (PEP 3333 forbids it)",
            "500, or a body that can be read",
            _can_be_read,
        ),
        Probe(
            "head",
            "HEAD, and the application returns a body",
            "none is sent (RFC 9110 §9.3.2)",
            partial(_has_no_body, request=get("/pieces").replace(b"GET", b"HEAD"), status=200),
        ),
        Probe(
            "head-sized",
            "HEAD, and it returns one with a length",
            "none is sent (RFC 9110 §9.3.2)",
            partial(_has_no_body, request=get("/fine").replace(b"GET", b"HEAD"), status=200),
        ),
        Probe(
            "head-file",
            "HEAD, and it returns a file (`wsgi.file_wrapper`)",
            "none is sent (RFC 9110 §9.3.2)",
            partial(_has_no_body, request=get("/file").replace(b"GET", b"HEAD"), status=200),
        ),
        Probe(
            "no-content",
            "204, and it returns a body",
            "none is sent (RFC 9110 §15.3.5)",
            partial(_has_no_body, request=get("/no-content"), status=204),
        ),
        Probe(
            "chunks-for-1.0",
            "A stream for a client of HTTP/1.0",
            "not chunked (RFC 9112 §6.1)",
            _is_not_chunked,
        ),
        Probe(
            "pipeline",
            "Three requests at once on one connection",
            "answered in order, or an end that was announced (RFC 9112 §9.3.2)",
            _are_in_order,
        ),
    ),
)
