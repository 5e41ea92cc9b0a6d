"""What the application is told, and by whom: nothing that the client made up for the proxy."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour.client import Reply, ask, get, post
from benchmarks.behaviour.probe import Group, Probe, Verdict, judge, right, wrong

_TARGET = "/environ?a%20b?c=/d"


def _environ(port: int, request: bytes) -> tuple[Reply, dict[str, Any]]:
    reply = ask(port, request)
    return reply, reply.json()


def _proxy_wins(port: int) -> Verdict:
    headers = ("X-Forwarded-For: 1.1.1.1", "X_Forwarded_For: 6.6.6.6")
    reply, environ = _environ(port, get("/environ", *headers))
    if not environ:
        return judge(reply.text, is_right=reply.is_refusal)
    value = environ.get("HTTP_X_FORWARDED_FOR")
    if value is None:
        return right("neither is passed on")
    return judge(f"`{value}`", is_right=value == "1.1.1.1")


def _length_wins(port: int) -> Verdict:
    request = post("/upload", "Content-Length: 5", "Content_Length: 3", body=b"hello")
    reply, environ = _environ(port, request)
    if not environ:
        return judge(reply.text, is_right=reply.is_refusal)
    length = environ.get("CONTENT_LENGTH")
    return judge(f"`{length}`", is_right=length == "5" and environ["body"] == "hello")


def _has_no_proxy(port: int) -> Verdict:
    reply, environ = _environ(port, get("/environ", "Proxy: http://6.6.6.6"))
    if not environ:
        return judge(reply.text, is_right=reply.is_refusal)
    if "HTTP_PROXY" in environ:
        return wrong("passed on")
    return right("not passed on")


def _has_no_secrets(port: int) -> Verdict:
    reply = ask(port, get("/own-variables"))
    if not reply.is_fine:
        return wrong(reply.text)
    return wrong("they are there") if reply.json() else right("none is there")


def _knows_the_target(port: int) -> Verdict:
    _, environ = _environ(port, get(_TARGET))
    names = [name for name in ("RAW_URI", "REQUEST_URI") if environ.get(name) == _TARGET]
    if names:
        return right(" and ".join(f"`{name}`" for name in names))
    return wrong("not to be found")


GROUP = Group(
    "The environ",
    "",
    (
        Probe(
            "underscores",
            "`X-Forwarded-For: 1.1.1.1` and `X_Forwarded_For: 6.6.6.6`",
            "the first alone, or none: a proxy sets it, and a client can send the second",
            _proxy_wins,
        ),
        Probe(
            "underscored-length",
            "`Content-Length: 5` and `Content_Length: 3`",
            "`5`",
            _length_wins,
        ),
        Probe(
            "proxy",
            "`Proxy: http://6.6.6.6`, which becomes `HTTP_PROXY`",
            "not passed on: libraries would take it for a setting (CVE-2016-5385)",
            _has_no_proxy,
        ),
        Probe(
            "own-variables",
            "Are the process's own variables in the environ?",
            "no: secrets would stand in error reports",
            _has_no_secrets,
        ),
        Probe(
            "target",
            "Is the target there as it was sent, not decoded?",
            "as `RAW_URI` or `REQUEST_URI`",
            _knows_the_target,
        ),
    ),
)
