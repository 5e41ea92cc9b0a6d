"""Flask-SocketIO in its `threading` mode, as its users write it."""

from __future__ import annotations

from flask import Flask, request
from flask_socketio import SocketIO, emit, send

app = Flask(__name__)
socketio = SocketIO(app, async_mode="threading")


@app.get("/plain")
def plain() -> str:
    return "plain"


@socketio.on("message")
def on_message(text: str) -> None:
    send(text)


@socketio.on("add")
def on_add(one: int, two: int) -> int:
    """What is returned is the acknowledgement."""
    return one + two


@socketio.on("bytes")
def on_bytes(data: bytes) -> None:
    emit("bytes", data)


@socketio.on("to all")
def on_to_all(text: str) -> None:
    emit("to all", f"{text} from {request.args.get('name')}", broadcast=True)
