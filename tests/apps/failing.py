"""Fails in several ways, and writes to `wsgi.errors`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import answers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]


def fail(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return PAGES[environ["PATH_INFO"]](environ, start_response)


def fine(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answers.text(start_response, "fine")


def logs(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    errors = environ["wsgi.errors"]
    errors.write("one line, ")
    errors.write("with \u20ac and \u96ea\n")
    errors.writelines(["second line\n", "third line\n"])
    errors.flush()
    return answers.text(start_response, "logged")


def prints(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    print("printed to wsgi.errors", file=environ["wsgi.errors"])
    print("printed to stdout", flush=True)
    return answers.text(start_response, "logged")


def raises(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise ValueError("a secret that belongs into the log only")


def exits(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise SystemExit(7)


def interrupts(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise KeyboardInterrupt


def raises_unprintable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    raise Unprintable


def raises_at_first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", PLAIN)
    raise ValueError("at the first piece")
    yield b""


def raises_later(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    headers = [("Content-Length", "100")] if environ["QUERY_STRING"] == "length" else []
    start_response("200 OK", [*PLAIN, *headers])
    yield b"a beginning"
    raise ValueError("in the middle")


PAGES: dict[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    f"/{page.__name__}": page
    for page in (
        fine,
        logs,
        prints,
        raises,
        exits,
        interrupts,
        raises_unprintable,
        raises_at_first,
        raises_later,
    )
}

app = answers.validated(fail)
