"""What is raised in a request that is over its time."""

from __future__ import annotations


class RequestTimeout(BaseException):
    """Raised inside the app, wherever it is, when a request is over `request_timeout`.

    The client has been answered by then. Not an `Exception`, as `SystemExit` and
    `asyncio.CancelledError` are none: what catches each `Exception` and tries again would go on
    for ever. What gives back resources (`finally`, `with`, a transaction's rollback) runs.
    """
