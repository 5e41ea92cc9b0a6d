"""A Flask application that goes wrong as real ones do; nothing here knows its server."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator

from flask import Flask, Response, jsonify, request

app = Flask(__name__)
_calls: Counter[str] = Counter()


@app.before_request
def count() -> None:
    _calls[request.path] += 1


@app.get("/fine")
def fine() -> str:
    return "fine"


@app.get("/calls")
def calls() -> str:
    """How often `?path=` has been asked for."""
    return str(_calls[request.args["path"]])


@app.get("/environ")
def environ() -> Response:
    """Everything in the environ, as text."""
    return jsonify({name: repr(value) for name, value in request.environ.items()})


@app.get("/fails-later")
def fails_later() -> Response:
    def pieces() -> Iterator[str]:
        yield "one "
        yield "two "
        raise ValueError("after two pieces")

    return Response(pieces())


@app.get("/exits")
def exits() -> str:
    sys.exit(3)


@app.post("/upload")
def upload() -> str:
    return f"{len(request.get_data())} bytes"


@app.get("/events")
def events() -> Response:
    """Server-sent events that never end by themselves, as published examples have them."""

    def pieces() -> Iterator[str]:
        while True:
            yield "data: tick\n\n"
            time.sleep(0.02)

    headers = {"Connection": "keep-alive", "Cache-Control": "no-cache"}
    return Response(pieces(), mimetype="text/event-stream", headers=headers)


@app.get("/megabytes/<int:count>")
def megabytes(count: int) -> Response:
    def pieces() -> Iterator[bytes]:
        for number in range(count * 16):
            yield bytes([number % 251]) * 65536

    return Response(pieces(), mimetype="application/octet-stream")
