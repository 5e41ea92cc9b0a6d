"""What the chaos test asks for: each answer can be checked byte by byte by whoever asked.

A Flask app, with a database of its own for each process, that can be made to leak, to hang and
to die.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, jsonify, request


class Stormy(Flask):
    """Tells by its id which request an exception was raised in."""

    def log_exception(self, exc_info: Any) -> None:
        name = request.headers.get("X-Request-ID")
        self.logger.error("request %s raised", name, exc_info=exc_info)


app = Stormy(__name__)
_leaked: list[bytearray] = []
_local = threading.local()


def _database() -> sqlite3.Connection:
    if not hasattr(_local, "database"):
        _local.database = sqlite3.connect(":memory:")
        _local.database.execute("CREATE TABLE seen (word TEXT)")
    database: sqlite3.Connection = _local.database
    return database


@app.after_request
def name_the_worker(response: Response) -> Response:
    response.headers["X-Worker"] = str(os.getpid())
    return response


@app.get("/word/<word>")
def word(word: str) -> Response:
    with _database() as database:
        database.execute("INSERT INTO seen VALUES (?)", (word,))
        (found,) = database.execute("SELECT word FROM seen WHERE word = ?", (word,)).fetchone()
        database.execute("DELETE FROM seen")
    return jsonify(word=found)


@app.post("/digest")
def digest() -> str:
    return hashlib.sha256(request.get_data()).hexdigest()


@app.get("/pieces/<word>/<int:count>")
def pieces(word: str, count: int) -> Response:
    def give() -> Iterator[str]:
        for number in range(count):
            yield f"{word}-{number}\n"

    return Response(give(), mimetype="text/plain")


@app.get("/slow/<word>")
def slow(word: str) -> str:
    time.sleep(0.05)
    return word


@app.get("/leak/<word>")
def leak(word: str) -> str:
    _leaked.append(bytearray(os.urandom(1)) * (512 * 1024))
    return word
