"""Sends one large file, of nothing but zeros, and says which thread does."""

import tempfile

LARGE = 64 * 1024 * 1024


def app(environ, start_response):
    if environ["PATH_INFO"] == "/large":
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the server closes it)
        file.truncate(LARGE)
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return environ["wsgi.file_wrapper"](file)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"small"]
