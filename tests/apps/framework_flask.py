"""A Flask app."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, request, stream_with_context

app = Flask(__name__)


@app.get("/hello/<name>")
def hello(name: str) -> Response:
    return Response(f"hello {name}", mimetype="text/plain")


@app.post("/form")
def form() -> str:
    file = request.files["file"]
    return f"{request.form['field']} {file.filename} {len(file.read())}"


@app.get("/stream")
def stream() -> Response:
    def lines() -> Iterator[str]:
        for number in range(3):
            yield f"line {number}\n"

    return Response(stream_with_context(lines()), mimetype="text/plain")


@app.get("/fail")
def fail() -> str:
    raise RuntimeError("on purpose")
