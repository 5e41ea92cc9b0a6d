"""Tells of requests that are over their time, and what is to be raised in them."""

from __future__ import annotations

import os
import traceback
from types import FrameType

from uncork import console
from uncork.request_timeout import RequestTimeout


def report_late(  # noqa: PLR0913, PLR0917 (the native worker calls it)
    method: str,
    target: str,
    client: str | None,
    request_id: str | None,
    seconds: float,
    is_sent: bool,
    frame: FrameType | None,
) -> type[BaseException] | None:
    """Says which request is over its time, and where; gives what to raise there, if it is there.

    Args:
        method: As the client sent it.
        target: Likewise.
        client: Address and port; `None` on a unix socket.
        request_id: What the request is called, if anything.
        seconds: How long it has run.
        is_sent: Whether a part of an answer was sent.
        frame: Where its thread is; `None`: it has ended since.
    """
    path = target.partition("?")[0].encode("unicode_escape").decode()
    outcome = "its answer was broken off" if is_sent else "it was answered with 504"
    called = "" if request_id is None else f", request `{request_id}`,"
    text = (
        f"`{method} {path}` of {client or 'a client on a unix socket'}{called} has given nothing "
        f"for too long (`request_timeout`), {seconds:.1f} s after its begin, "
        f"in process {os.getpid()}: {outcome}"
    )
    if frame is None:
        console.warn(f"{text}, and has ended since")
        return None
    stack = "".join(traceback.format_stack(frame)).rstrip("\n")
    console.warn(f"{text}, and `uncork.RequestTimeout` is raised where it is\n{stack}")
    return RequestTimeout
