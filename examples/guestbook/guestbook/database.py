"""One SQLite connection per request, opened when it is first wanted."""

from __future__ import annotations

import sqlite3

from flask import Flask, current_app, g

_SECONDS_TO_WAIT_FOR_A_LOCK = 5.0


def init_app(app: Flask) -> None:
    """Creates the tables if they are missing, and closes each request's connection."""
    app.teardown_appcontext(_close)
    with app.open_resource("schema.sql", "r") as schema, app.app_context():
        connection().executescript(schema.read())


def connection() -> sqlite3.Connection:
    """Returns this request's connection.

    Use it in a `with` block to write: that commits, or rolls back when something is raised.
    """
    if "database" not in g:
        g.database = sqlite3.connect(
            current_app.config["DATABASE"], timeout=_SECONDS_TO_WAIT_FOR_A_LOCK
        )
        g.database.row_factory = sqlite3.Row
    return g.database


def _close(_error: BaseException | None) -> None:
    database = g.pop("database", None)
    if database is not None:
        database.close()
