"""Applications that do not work in several processes, unless somebody has prepared for it."""

from __future__ import annotations

# They keep each client's session in memory, and a client's next request may reach any worker.
# https://flask-socketio.readthedocs.io/en/latest/deployment.html#using-multiple-workers
_SOCKET_IO = frozenset({"flask_socketio", "socketio", "engineio"})


def one_worker_reason(app: object) -> str | None:
    """Why the app is served by one worker, unless a number was set; `None` for most."""
    for each in (app, getattr(app, "wsgi_app", None)):
        if type(each).__module__.partition(".")[0] in _SOCKET_IO:
            return "Socket.IO keeps its sessions in one process"
    return None
