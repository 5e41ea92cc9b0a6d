"""The Flask application that every server serves: one view of text, one of JSON."""

from __future__ import annotations

from typing import Any

from flask import Flask

app = Flask(__name__)


@app.get("/text")
def text() -> str:
    """Answers a short text without a template."""
    return "Hello, world!"


@app.get("/json")
def json() -> dict[str, Any]:
    """Answers what a small API would."""
    return {"id": 7, "name": "uncork", "tags": ["wsgi", "flask"], "is_open": True}
