"""`uncork stacks`: where in the code each thread of a running server is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from uncork import console
from uncork.cli.commands import Invocation
from uncork.cli.control_command import (
    ControlCommand,
    chosen_worker,
    out_json,
    printable,
    the_server,
    worker_option,
)

_HELP = """\
Show where in the code each thread of a running server is.

The workers tell it themselves, so it takes no rights to trace processes, and stops nothing. One
that does not answer within two seconds, since code in C holds its interpreter, is read all the
same. With `--verbose`, uncork's own threads are shown too.
"""


def stacks(worker: str | None, as_json: bool, **parameters: Any) -> None:
    """Prints the stacks."""
    chosen = chosen_worker(worker)
    with the_server(parameters) as server:
        told = server.ask("stacks", **chosen)
    if as_json:
        out_json(told)
    else:
        verbose = click.get_current_context().ensure_object(Invocation).verbose
        texts = [_worker_text(worker, shows_own=verbose) for worker in told["workers"]]
        console.out(printable("\n\n".join(texts)))


def _worker_text(worker: Mapping[str, Any], *, shows_own: bool) -> str:
    lines = [f"worker process {worker['pid']}"]
    if worker.get("why"):
        lines[0] += f" did not answer: {worker['why']}"
    shown = [each for each in worker["threads"] if shows_own or each["role"] != "own"]
    if worker["threads"] and not shown:
        lines[0] += ": no thread is in the app"
    for thread in shown:
        lines.append("")
        lines.append(f"{thread['name']}{_request(thread.get('request'))}")
        lines.append(thread["stack"].rstrip("\n"))
    return "\n".join(lines)


def _request(request: Mapping[str, Any] | None) -> str:
    if request is None:
        return ""
    return f", for {request['seconds']:.1f} s in {request['method']} {request['path']}"


command = ControlCommand("stacks", callback=stacks, help=_HELP, params=[worker_option()])
