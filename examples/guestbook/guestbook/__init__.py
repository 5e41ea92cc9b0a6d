"""A guestbook: visitors leave a name, a few lines and, if they like, a file.

Everything it stores lies in one folder, `instance/`: the database, the uploaded files and,
while you develop, the key that signs the session cookie.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response

from . import database, entries, error_pages, secret_key

MEBIBYTE = 1024 * 1024


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """Builds the application.

    Args:
        settings: Flask settings that win over the ones below, for tests.
    """
    app = Flask(
        __name__,
        instance_path=os.environ.get("GUESTBOOK_INSTANCE") or None,
        instance_relative_config=True,
    )
    instance = Path(app.instance_path)
    instance.mkdir(parents=True, exist_ok=True)

    app.config.update(
        DATABASE=instance / "guestbook.sqlite3",
        UPLOADS=instance / "uploads",
        # Flask refuses a larger request with a 413 before it reads it.
        MAX_CONTENT_LENGTH=8 * MEBIBYTE,
        PERMANENT_SESSION_LIFETIME=timedelta(days=365),
        # Browsers do not send the cookie with a POST that another site started. That is all
        # the protection against forged requests a guestbook without accounts needs; an
        # application where people log in should also use tokens (Flask-WTF's CSRFProtect).
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.config.update(settings or {})
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = secret_key.find(instance)

    database.init_app(app)
    entries.init_app(app)
    error_pages.init_app(app)
    app.jinja_env.filters["day"] = _day
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.after_request(_allow_only_our_own)
    return app


def _allow_only_our_own(response: Response) -> Response:
    """Tells browsers to run and load nothing that does not come from this site."""
    response.headers.setdefault("Content-Security-Policy", "default-src 'self'")
    return response


def _day(stamp: str) -> str:
    moment = datetime.fromisoformat(stamp)
    return f"{moment.day} {moment:%B %Y}"
