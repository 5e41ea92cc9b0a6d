"""`uncork status`: what a running server is and does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from uncork import console
from uncork.cli.control_command import ControlCommand, out_json, the_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uncork.supervisor.control.client import ControlClient
    from uncork.supervisor.memory import Memory
    from uncork.supervisor.status import ServerStatus

_HELP = """\
Show what a running server does.

That is its workers and what they are at, its memory, and what came of the last reload.

SERVER is the number of its process, or the application that it serves, as in `hello:app`. It
need not be named while only one server runs that you may ask: only root and the user that the
server runs as may.
"""


def status(as_json: bool, **parameters: Any) -> None:
    """Prints the status."""
    with the_server(parameters) as server:
        told = server.status()
        memory = memory_of_all(server, told)
    if as_json:
        out_json(with_memory(told, memory))
    else:
        from uncork.cli.status_text import status_text  # noqa: PLC0415 (not for `--help`)

        console.out(status_text(told, memory))


def memory_of_all(server: ControlClient, status: ServerStatus) -> dict[int, Memory]:
    """The memory of each process, as far as its number means the same here as there.

    Looked up here and not by the server, since to add up a large process takes the kernel
    some time.
    """
    from uncork.supervisor.memory import memory_of  # noqa: PLC0415 (not for `--help`)

    if server.process != status.pid:
        return {}
    templates = [each.template for each in status.generations if each.template is not None]
    workers = [each.pid for each in status.workers]
    beside = [each.pid for each in (*status.once, status.admin) if each and each.pid]
    return {pid: memory_of(pid) for pid in (status.pid, *templates, *workers, *beside)}


def with_memory(status: ServerStatus, memory: Mapping[int, Memory]) -> dict[str, Any]:
    """The facts of the status, with the memory where it belongs."""
    from uncork.cli.status_text import saved_by_template  # noqa: PLC0415 (not for `--help`)

    facts = status.facts()
    beside = [*facts["once"], *filter(None, [facts["admin"]])]
    for each in (facts, *facts["workers"], *beside):
        used = memory.get(each["pid"])
        each["memory"] = dataclasses.asdict(used) if used else None
    facts["saved_by_preloading"] = saved_by_template(status, memory)
    return facts


command = ControlCommand("status", callback=status, help=_HELP)
