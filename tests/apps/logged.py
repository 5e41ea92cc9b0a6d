"""Answers of each kind that the access log tells apart, by path."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MIB = bytes(1024 * 1024)
LARGE = 64


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A body of two bytes, unless the path asks for something else."""
    answer = ANSWERS.get(environ["PATH_INFO"], plain)
    return answer(environ, start_response)


def plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def boom(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    environ["wsgi.errors"].write(f"about to fail in {os.getpid()}\n")
    raise RuntimeError("boom")


def not_modified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("304 Not Modified", [])
    return []


def pieces(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return iter([b"one", b"two"])


def large(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", str(LARGE * len(MIB)))])
    return (MIB for _ in range(LARGE))


def file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](Path("large.bin").open("rb"))  # noqa: SIM115
    return wrapped


def breaks_off(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "100")])
    return iter([b"short"])


def wait(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    Path("waiting").touch()
    Path("gate").read_bytes()
    return plain(environ, start_response)


def own_id(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2"), ("x-request-id", "mine")])
    return [b"ok"]


def request_id(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = environ.get("HTTP_X_REQUEST_ID", "none").encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


ANSWERS: Mapping[str, Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]] = {
    "/boom": boom,
    "/not-modified": not_modified,
    "/pieces": pieces,
    "/large": large,
    "/file": file,
    "/breaks-off": breaks_off,
    "/wait": wait,
    "/own-id": own_id,
    "/id": request_id,
}
