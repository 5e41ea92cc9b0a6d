"""A Bottle app."""

from __future__ import annotations

from collections.abc import Iterator

from bottle import Bottle, request, response

app = Bottle()


@app.get("/hello/<name>")
def hello(name: str) -> str:
    response.content_type = "text/plain; charset=utf-8"
    return f"hello {name}"


@app.post("/form")
def form() -> str:
    file = request.files["file"]
    return f"{request.forms.field} {file.filename} {len(file.file.read())}"


@app.get("/stream")
def stream() -> Iterator[str]:
    response.content_type = "text/plain"
    for number in range(3):
        yield f"line {number}\n"


@app.get("/fail")
def fail() -> None:
    raise RuntimeError("on purpose")
