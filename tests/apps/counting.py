"""Counts the bytes of an upload, which it reads in pieces."""

from __future__ import annotations

from flask import Flask, request

app = Flask(__name__)


@app.post("/")
def count() -> str:
    return str(sum(map(len, iter(lambda: request.stream.read(65536), b""))))
