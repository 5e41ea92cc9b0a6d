"""What a visitor sees when something is wrong."""

from __future__ import annotations

from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

_EXPLANATIONS = {
    404: "There is nothing at this address. Perhaps the entry was removed.",
    413: "That was more than we can take: a file may have up to 8 MB.",
    500: "Something went wrong on our side. It has been written to the log.",
}


def init_app(app: Flask) -> None:
    """Shows every HTTP error as a page of this site."""
    # Flask turns an exception that nobody handled into an InternalServerError, after logging
    # it with its traceback; so this is the page for a 500 too.
    app.register_error_handler(HTTPException, _page)


def _page(error: HTTPException) -> ResponseReturnValue:
    response = error.get_response()
    response.data = render_template(
        "error.html",
        code=error.code,
        title=error.name,
        explanation=_EXPLANATIONS.get(error.code or 0, error.description),
    )
    response.content_type = "text/html; charset=utf-8"
    return response
