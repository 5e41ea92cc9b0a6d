"""Files that visitors send. Nothing about them is believed.

A file is stored under a random name, so that no name from outside ever reaches the disk. It
is shown inside a page only if its first bytes say that it is a picture: an HTML or SVG file
from a stranger, shown under our address, could act as the visitor who looks at it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from flask import Response, current_app, send_from_directory
from werkzeug.datastructures import FileStorage

_DOWNLOAD = "application/octet-stream"
_LONGEST_NAME = 120


@dataclass(frozen=True)
class StoredFile:
    """A file in `instance/uploads`, and the name it had at the visitor's."""

    key: str
    name: str
    type: str
    size: int


def store(upload: FileStorage) -> StoredFile:
    """Writes the upload to `instance/uploads`."""
    folder = Path(current_app.config["UPLOADS"])
    folder.mkdir(exist_ok=True)
    key = secrets.token_hex(16)
    file_type = _type_by_signature(upload.stream.read(16))
    upload.stream.seek(0)
    upload.save(folder / key)
    return StoredFile(
        key=key,
        name=_shown_name(upload.filename or ""),
        type=file_type,
        size=(folder / key).stat().st_size,
    )


def answer(file: StoredFile) -> Response:
    """Returns the file as a response: pictures to be shown, all others to be downloaded."""
    response = send_from_directory(
        current_app.config["UPLOADS"],
        file.key,
        mimetype=file.type,
        as_attachment=file.type == _DOWNLOAD,
        download_name=file.name,
        # The key is never used for another file.
        max_age=365 * 24 * 60 * 60,
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def remove(key: str) -> None:
    """Deletes a stored file; one that has gone already is fine."""
    (Path(current_app.config["UPLOADS"]) / key).unlink(missing_ok=True)


def _type_by_signature(head: bytes) -> str:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return _DOWNLOAD


def _shown_name(name: str) -> str:
    """Keeps the last part of a path, of either kind, without control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(character for character in last if character.isprintable()).strip()
    return printable[-_LONGEST_NAME:] or "file"
