"""The pages: read the book, sign it, fetch a file, take a line back, export it all."""

from __future__ import annotations

import csv
import io
import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    session,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue

from . import uploads
from .database import connection

PAGE_LENGTH = 10
LONGEST_NAME = 60
LONGEST_MESSAGE = 1000
# A cookie has about 4 kB; a visitor can take back this many of their latest entries.
_REMEMBERED_ENTRIES = 50
# SQLite's largest integer; a larger one in an address is no entry's number.
_LARGEST_ID = 2**63 - 1

pages = Blueprint("entries", __name__)


def init_app(app: Flask) -> None:
    """Adds the pages."""
    app.register_blueprint(pages)


@dataclass
class Form:
    """What a visitor filled in, and what is wrong with it."""

    name: str = ""
    message: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_request(cls) -> Form:
        """Reads and checks the form of this request."""
        form = cls(
            name=" ".join(request.form.get("name", "").split()),
            # Browsers send CRLF between lines.
            message=request.form.get("message", "").replace("\r\n", "\n").strip(),
        )
        if not form.name:
            form.errors["name"] = "Please tell us your name."
        elif len(form.name) > LONGEST_NAME:
            form.errors["name"] = f"At most {LONGEST_NAME} letters, please."
        if not form.message:
            form.errors["message"] = "Please write something."
        elif len(form.message) > LONGEST_MESSAGE:
            form.errors["message"] = f"At most {LONGEST_MESSAGE} letters, please."
        return form


@pages.get("/")
def index() -> str:
    return _book(Form(name=session.get("name", "")))


@pages.post("/")
def sign() -> ResponseReturnValue:
    form = Form.from_request()
    if form.errors:
        return _book(form), 422
    upload = request.files.get("file")
    entry_id = _add(form, uploads.store(upload) if upload and upload.filename else None)
    session.permanent = True
    session["name"] = form.name
    session["mine"] = [*session.get("mine", []), entry_id][-_REMEMBERED_ENTRIES:]
    flash(f"Thank you, {form.name}!")
    # 303: the browser fetches the book with a GET, and reloading it does not sign twice.
    return redirect(url_for(".index"), 303)


@pages.post(f"/<int(max={_LARGEST_ID}):entry_id>/remove")
def remove(entry_id: int) -> ResponseReturnValue:
    if entry_id not in session.get("mine", []):
        abort(403, "You can take back only what you wrote in this browser.")
    entry = _entry(entry_id)
    with connection() as database:
        database.execute("DELETE FROM entry WHERE id = ?", [entry_id])
    if entry["file_key"]:
        uploads.remove(entry["file_key"])
    session["mine"] = [mine for mine in session["mine"] if mine != entry_id]
    flash("Your entry was removed.")
    return redirect(url_for(".index"), 303)


@pages.get(f"/<int(max={_LARGEST_ID}):entry_id>/file")
def file(entry_id: int) -> Response:
    entry = _entry(entry_id)
    if not entry["file_key"]:
        abort(404)
    return uploads.answer(
        uploads.StoredFile(
            key=entry["file_key"],
            name=entry["file_name"],
            type=entry["file_type"],
            size=entry["file_size"],
        )
    )


@pages.get("/guestbook.csv")
def export() -> Response:
    return Response(
        stream_with_context(_lines_of_csv()),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="guestbook.csv"'},
    )


def _book(form: Form) -> str:
    before = request.args.get("before", default=_LARGEST_ID, type=_entry_id)
    # One more than is shown tells whether there is a next page.
    found = (
        connection()
        .execute(
            "SELECT * FROM entry WHERE id < ? ORDER BY id DESC LIMIT ?",
            [before, PAGE_LENGTH + 1],
        )
        .fetchall()
    )
    shown = found[:PAGE_LENGTH]
    return render_template(
        "book.html",
        form=form,
        entries=shown,
        count=connection().execute("SELECT count(*) FROM entry").fetchone()[0],
        mine=session.get("mine", []),
        is_first_page=before == _LARGEST_ID,
        older=shown[-1]["id"] if len(found) > PAGE_LENGTH else None,
        longest_name=LONGEST_NAME,
        longest_message=LONGEST_MESSAGE,
    )


def _add(form: Form, stored: uploads.StoredFile | None) -> int:
    with connection() as database:
        cursor = database.execute(
            "INSERT INTO entry (name, message, file_key, file_name, file_type, file_size)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                form.name,
                form.message,
                *((stored.key, stored.name, stored.type, stored.size) if stored else [None] * 4),
            ],
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _entry_id(text: str) -> int:
    return min(max(int(text), 0), _LARGEST_ID)


def _entry(entry_id: int) -> sqlite3.Row:
    entry = connection().execute("SELECT * FROM entry WHERE id = ?", [entry_id]).fetchone()
    if entry is None:
        abort(404)
    return entry


def _lines_of_csv() -> Iterator[str]:
    # This runs while the answer is sent, row by row: the book may be longer than the memory.
    # The connection is asked for in here because the view's own is closed by then.
    rows = connection().execute("SELECT created_at, name, message FROM entry ORDER BY id")
    line = io.StringIO()
    writer = csv.writer(line)
    for row in itertools.chain([("when", "name", "message")], rows):
        writer.writerow(map(_as_text, row))
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _as_text(cell: str) -> str:
    """Keeps a spreadsheet from taking a stranger's text for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
