"""The corners of PEP 3333 that applications in the wild depend on."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.behaviour.client import Client, ask, get
from benchmarks.behaviour.probe import Group, Probe, Verdict, judge, right, wrong

_CLOSE_SECONDS = 9.0  # longer than `/closing/endless` goes on by itself


def _answers(port: int, *, target: str, status: int, body: bytes) -> Verdict:
    reply = ask(port, get(target))
    if reply.status == status and reply.body == body and reply.end == "whole":
        return right("as it should be")
    if reply.status != status:
        return wrong(reply.text)
    return wrong(f"{reply.status} with another body" if reply.body else f"{reply.status}, no body")


def _keeps_the_late_head(port: int) -> Verdict:
    reply = ask(port, get("/starts-late"))
    if (reply.status, reply.value("X-Late"), reply.body) == (201, "yes", b"late"):
        return right("as it should be")
    return wrong(f"{reply.text}, headers lost" if reply.status == 200 else reply.text)


def _replaces_the_head(port: int) -> Verdict:
    reply = ask(port, get("/changes-its-mind"))
    if reply.status == 503 and reply.value("X-First"):
        return wrong("503, with headers of the first")
    if reply.status != 503:
        return wrong(reply.text)
    return right("503") if reply.body == b"sorry" else wrong("503, no body")


def _is_cut(port: int) -> Verdict:
    reply = ask(port, get("/is-too-late"))
    if reply.status is not None and reply.status >= 500:
        return right(reply.text)
    if reply.end in {"closed", "reset"}:
        return right("cut off")
    return wrong({"whole": "looks whole"}.get(reply.end, reply.end))


def _is_500(port: int) -> Verdict:
    reply = ask(port, get("/never-starts"))
    return judge(reply.text, is_right=reply.status == 500)


def _comes_at_once(port: int) -> Verdict:
    with Client(port) as client:
        client.send(get("/pausing"))
        started = time.monotonic()
        is_there = client.received(b"first")
        seconds = time.monotonic() - started
    if not is_there:
        return wrong("it does not come")
    return right("at once") if seconds < 1 else wrong("with the second, 2 s later")


def _is_closed_once(port: int, *, request: bytes) -> Verdict:
    with Client(port) as client:
        client.ask(request)
        client.surplus()
    return _judged_closes(port, request.split(b" ")[1].partition(b"?")[2].decode())


def _is_closed_when_the_client_goes(port: int) -> Verdict:
    client = Client(port)
    client.send(get("/closing/endless?gone"))
    client.wait()
    client.vanish()
    verdict = _judged_closes(port, "gone")
    if verdict.is_right and _count(port, "ended"):
        return wrong("once, but the application is not stopped")
    return verdict


def _judged_closes(port: int, name: str) -> Verdict:
    deadline = time.monotonic() + _CLOSE_SECONDS
    while not (count := _count(port, name)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return judge({0: "never", 1: "once"}.get(count, f"{count} times"), is_right=count == 1)


def _count(port: int, name: str) -> int:
    reply = ask(port, get(f"/closed?{name}"))
    return int(reply.body) if reply.body.isdigit() else 0


def _keeps_the_reason(port: int) -> Verdict:
    reply = ask(port, get("/reason"))
    is_kept = reply.reason == "Script output follows"
    return judge("kept" if is_kept else f"`{reply.reason}`", is_right=is_kept)


def _keeps_the_case(port: int) -> Verdict:
    names = [name for name, _ in ask(port, get("/reason")).fields]
    name = next((name for name in names if name.lower() == "x-amz-meta-k"), "lost")
    is_kept = name == "x-amz-meta-k"
    return judge("kept" if is_kept else f"`{name}`", is_right=is_kept)


def _keeps_both_cookies(port: int) -> Verdict:
    reply = ask(port, get("/reason"))
    cookies = [value for name, value in reply.fields if name.lower() == "set-cookie"]
    is_kept = cookies == ["a=1", "b=2"]
    return judge("two" if is_kept else f"{len(cookies)}", is_right=is_kept)


def _closed(key: str, title: str, request: bytes) -> Probe:
    return Probe(key, title, "once", partial(_is_closed_once, request=request))


GROUP = Group(
    "PEP 3333",
    "What the specification of WSGI asks for. It says nothing about the reason phrase or the case "
    "of names, but Mercurial's client reads the first, and clients of S3 the second.",
    (
        Probe(
            "write",
            "Half of the body comes by `write()`",
            "both halves",
            partial(_answers, target="/writes", status=200, body=b"written returned"),
        ),
        Probe(
            "starts-late",
            "`start_response` is called at the generator's first piece",
            "status and headers are those",
            _keeps_the_late_head,
        ),
        Probe(
            "replaced-head",
            "`start_response(…, exc_info)` before any output",
            "the second head, with its body",
            _replaces_the_head,
        ),
        Probe(
            "replaced-too-late",
            "`start_response(…, exc_info)` when a part is out",
            "raises, and the answer is cut",
            _is_cut,
        ),
        Probe("never-starts", "`start_response` is never called", "500", _is_500),
        Probe(
            "first-piece",
            "The application takes 2 s for its second piece",
            "the first is sent at once",
            _comes_at_once,
        ),
        _closed("close", "`close()` of what it returns", get("/closing/whole?whole")),
        _closed("close-failed", "…, when the second piece fails", get("/closing/fails?fails")),
        _closed("close-head", "…, for HEAD", get("/closing/whole?head").replace(b"GET", b"HEAD")),
        Probe(
            "close-gone",
            "…, when the client goes",
            "once, and soon",
            _is_closed_when_the_client_goes,
        ),
        Probe("reason", "A reason phrase of its own", "kept", _keeps_the_reason),
        Probe("case", "Header names in lower case", "kept", _keeps_the_case),
        Probe("cookies", "Two `Set-Cookie`", "two", _keeps_both_cookies),
    ),
)
