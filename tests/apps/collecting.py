"""Leaves garbage whose end takes its time, to be found by whoever makes the next object.

CPython up to 3.11 collects in the middle of any allocation, and runs what is called then.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECONDS = 0.3
_kept: list[object] = []


class Litter:
    """Part of a cycle; lets other threads run while it is collected."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        time.sleep(SECONDS)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """`/litter` has the next dictionary that is made start a collection."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    answer = [b"ok"]
    if environ["PATH_INFO"] == "/litter":
        gc.disable()
        # The interpreter keeps some dictionaries at hand, and allocates when there are none.
        _kept.extend({} for _ in range(200))
        _kept.append(environ)
        Litter()
        gc.set_threshold(1)
        gc.enable()
    return answer
