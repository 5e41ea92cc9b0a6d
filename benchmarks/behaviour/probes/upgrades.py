"""Connections that an application takes over, as Flask-Sock and Flask-SocketIO do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.behaviour.client import Client, get
from benchmarks.behaviour.probe import Group, Probe, Verdict, judge, right, wrong

_HANDSHAKE = get(
    "/upgrade",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def _is_handed_over(port: int) -> Verdict:
    with Client(port) as client:
        reply = client.ask(_HANDSHAKE)
        if reply.status != 101:
            return wrong(reply.text)
        client.send(b"hello")
        is_right = client.received(b"got hello")
    return judge("it works" if is_right else "nothing arrives", is_right=is_right)


def _early_bytes_arrive(port: int) -> Verdict:
    with Client(port) as client:
        reply = client.ask(_HANDSHAKE + b"hello")
        if reply.status != 101:
            return wrong(reply.text)
        is_right = client.received(b"got hello")
    return judge("they arrive" if is_right else "they are lost", is_right=is_right)


def _nothing_is_written_behind(port: int) -> Verdict:
    with Client(port) as client:
        client.ask(_HANDSHAKE)
        client.send(b"hello")
        client.received(b"got hello")
        surplus = client.surplus().removeprefix(b"got hello")
    return wrong("an answer of HTTP") if surplus else right("nothing")


def _where_offered(ask: Callable[[int], Verdict], port: int) -> Verdict:
    with Client(port) as client:
        if client.ask(_HANDSHAKE).status == 501:
            return Verdict("not offered", is_right=None)
    return ask(port)


def _probe(key: str, title: str, judgement: str, ask: Callable[[int], Verdict]) -> Probe:
    return Probe(key, title, judgement, partial(_where_offered, ask))


GROUP = Group(
    "WebSockets",
    "By the connection in the environ, as `werkzeug.socket` or `gunicorn.socket`: the names that "
    "simple-websocket looks for.",
    (
        _probe("upgrade", "The application takes the connection over", "it works", _is_handed_over),
        _probe(
            "early-bytes",
            "Bytes that come together with the handshake",
            "they arrive",
            _early_bytes_arrive,
        ),
        _probe(
            "behind-upgrade",
            "What is written when the application is through",
            "nothing",
            _nothing_is_written_behind,
        ),
    ),
)
