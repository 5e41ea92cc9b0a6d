"""Flask-Sock as its users write it; nothing here knows which server runs it."""

from __future__ import annotations

import threading
from collections import Counter

from flask import Flask
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server


def create_app(ping_interval: float | None = None) -> Flask:
    app = Flask(__name__)
    app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": ping_interval}
    sock = Sock(app)
    ended: Counter[str] = Counter()
    lock = threading.Lock()

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    @app.get("/ended/<name>")
    def count_ended(name: str) -> str:
        """How many sockets of that name have seen their end."""
        with lock:
            return str(ended[name])

    @sock.route("/echo")
    def echo(ws: Server) -> None:
        while True:
            ws.send(ws.receive())

    @sock.route("/once")
    def once(ws: Server) -> None:
        """Answers one message and returns, which closes the socket."""
        ws.send(ws.receive())

    @sock.route("/closes")
    def closes(ws: Server) -> None:
        ws.send("last words")
        ws.close(1001, "the server says so")

    @sock.route("/raises")
    def raises(ws: Server) -> None:
        ws.send(ws.receive())
        raise ValueError("a socket's view has failed")

    @sock.route("/notes/<name>")
    def notes(ws: Server, name: str) -> None:
        """Echoes, and notes that the other side has gone."""
        try:
            while True:
                ws.send(ws.receive())
        except ConnectionClosed:
            with lock:
                ended[name] += 1
            raise

    return app


app = create_app()
