"""Reads its request when there is hardly any memory left."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROOM = 8 * 1024 * 1024


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, before[1]))
    try:
        # More than once: what the server has freed of late may do for one copy.
        copies = []
        for _ in range(4):
            environ["wsgi.input"].seek(0)
            copies.append(environ["wsgi.input"].read())
        answer = b"%d" % len(copies[0])
    except MemoryError:
        answer = b"no memory"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
