"""`uncork requests`: the requests that run in a server now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uncork import console
from uncork.cli.control_command import (
    ControlCommand,
    chosen_worker,
    out_json,
    printable,
    the_server,
    worker_option,
)
from uncork.cli.table import table

_HELP = """\
List the requests that run in a server now.

Those are the ones that are inside the application, the longest first. The state is `app` while
its code runs, `client` while it waits for the client to send or to take something, and `upgraded`
for a WebSocket. `uncork stacks` shows where in the code each of them is.
"""


def requests(worker: str | None, as_json: bool, **parameters: Any) -> None:
    """Prints the requests."""
    chosen = chosen_worker(worker)
    with the_server(parameters) as server:
        told = server.ask("requests", **chosen)
    if as_json:
        out_json(told)
        return
    console.out(printable(_text(told)))


def request_table(requests: Sequence[Mapping[str, Any]]) -> str:
    """One line for each request."""
    rows = [
        (
            f"{each['seconds']:.1f}",
            each["state"],
            str(each["pid"]),
            each["client"] or "unix socket",
            each["method"],
            each["path"] + ("…" if each["is_cut"] else ""),
        )
        for each in requests
    ]
    return table(("Seconds", "State", "Process", "Client", "Method", "Path"), rows)


def _text(told: Mapping[str, Any]) -> str:
    lines = [request_table(told["requests"])] if told["requests"] else ["no request runs"]
    if told["queue"]:
        lines.append(f"and {told['queue']:,} more that wait for a thread")
    return "\n".join(lines)


command = ControlCommand("requests", callback=requests, help=_HELP, params=[worker_option()])
