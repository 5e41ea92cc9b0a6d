"""A Flask app that reads its uploads itself, and remembers how that went."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request

app = Flask(__name__)
PATIENCE = 8.0
_ended: dict[str, str] = {}
_noted = threading.Condition()
_gate = threading.Event()
_kept: list[Any] = []


def _note(name: str, text: str) -> None:
    with _noted:
        _ended[name] = text
        _noted.notify_all()


@app.post("/digest")
def digest() -> str:
    """The SHA-256 of the body, read in pieces."""
    total, sha = 0, hashlib.sha256()
    while piece := request.stream.read(65536):
        total += len(piece)
        sha.update(piece)
    return f"{total} {sha.hexdigest()}"


@app.post("/form")
def form() -> str:
    file = request.files["file"]
    return f"{request.form['field']} {file.filename} {len(file.read())}"


@app.post("/echo")
def echo() -> Response:
    """Gives back what has come, as it comes."""
    body = request.environ["wsgi.input"]
    return Response(iter(lambda: body.read1(65536), b""), mimetype="text/plain")


@app.post("/echo-with-threads")
def echo_with_threads() -> Response:
    """Reads in one thread, and answers in another."""
    body = request.environ["wsgi.input"]
    pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        while piece := body.read1(1000):
            pieces.put(piece)
        pieces.put(b"")

    threading.Thread(target=read, daemon=True).start()
    return Response(iter(pieces.get, b""), mimetype="text/plain")


@app.post("/ignore")
def ignore() -> str:
    return "ignored"


@app.post("/answer-first")
def answer_first() -> Response:
    """Begins to answer, and only then reads."""
    body = request.environ["wsgi.input"]

    def pieces() -> Iterator[bytes]:
        yield b"first "
        yield body.read(1000)

    return Response(pieces(), mimetype="text/plain")


@app.post("/gated")
def gated() -> bytes:
    """Reads once `/open` was called."""
    _gate.wait(PATIENCE)
    return request.get_data()


@app.get("/open")
def open_gate() -> str:
    _gate.set()
    return "opened"


@app.post("/two-reads/<name>")
def two_reads(name: str) -> str:
    """Notes how reading ended, twice, and what came before."""
    body = request.environ["wsgi.input"]
    seen = []
    for _ in range(2):
        try:
            seen.append(body.read().decode())
        except Exception as error:
            seen.append(type(error).__name__)
    _note(name, " ".join(seen))
    return "survived"


@app.post("/raise/<name>")
def raise_(name: str) -> bytes:
    """Lets through whatever reading raises."""
    try:
        return request.environ["wsgi.input"].read()
    finally:
        _note(name, "over")


@app.get("/noted/<name>")
def noted(name: str) -> str:
    with _noted:
        _noted.wait_for(lambda: name in _ended, PATIENCE)
        return _ended.get(name, "nothing")


@app.get("/has-noted/<name>")
def has_noted(name: str) -> str:
    with _noted:
        return str(name in _ended)


@app.post("/file")
def file() -> list[object]:
    """What can be asked of `wsgi.input` as a file."""
    body = request.environ["wsgi.input"]
    first = body.read(2).decode()
    try:
        body.seek(0)
    except OSError as error:
        sought = type(error).__name__
    else:
        sought = "done"
    length = request.environ.get("CONTENT_LENGTH")
    return [body.seekable(), first, body.tell(), sought, length, body.read().decode()]


@app.post("/keep")
def keep() -> str:
    _kept.append(request.environ["wsgi.input"])
    return "kept"


@app.get("/read-kept")
def read_kept() -> str:
    try:
        return _kept.pop().read().decode()
    except RuntimeError as error:
        return str(error)


@app.get("/")
def hello() -> str:
    return "hello"
