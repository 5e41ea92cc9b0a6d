"""What may be asked of a running server: one method for each command.

Here a request becomes a call, and what comes of it an answer; the work is done elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from uncork.errors import EnvironmentProblem, UncorkError, UsageError
from uncork.supervisor.control.figures import (
    requests_by_thread,
    running_requests,
    traffic,
    with_load,
)
from uncork.supervisor.control.lines import Request
from uncork.supervisor.control.waits import Result, Wait
from uncork.supervisor.error_facts import error_from_facts
from uncork.supervisor.reload_history import ReloadHistory
from uncork.supervisor.scoreboard import RunningRequest, Scoreboard
from uncork.supervisor.signals import Action
from uncork.supervisor.stack_inquiries import Inquiry, StackInquiries
from uncork.supervisor.status import ReloadStatus, ServerStatus, WorkerStatus

# As the setting `workers` has it.
_MAX_WORKERS = 1024


class Controlled(Protocol):
    """The server that is asked."""

    @property
    def reloads(self) -> ReloadHistory:
        """What became of the last reloads."""

    @property
    def scoreboard(self) -> Scoreboard:
        """Where each worker has a row."""

    def status(self) -> ServerStatus:
        """The server as it is by now."""

    def reload(self) -> int:
        """Begins to try the code and the settings anew; the number of the new generation.

        Raises:
            UncorkError: It could not even begin.
        """

    def scale(self, workers: int) -> None:
        """Has so many workers from now on."""

    def end(self, *, at_once: bool) -> None:
        """Drains and ends, or ends at once."""

    def do(self, action: Action) -> None:
        """Does what a signal asks for."""


class Commands:
    """Fulfils requests.

    Args:
        server: The server that is asked.
        stacks: Asks its workers.
    """

    def __init__(self, server: Controlled, stacks: StackInquiries) -> None:
        self._server = server
        self._stack_inquiries = stacks
        self._commands: Mapping[str, Callable[[Mapping[str, Any], float], Result | Wait]] = {
            "status": self._status,
            "requests": self._requests,
            "figures": self._figures,
            "stacks": self._stacks,
            "reload": self._reload,
            "stop": self._stop,
            "scale": self._scale,
            "reopen": self._reopen,
        }

    def __call__(self, request: Request, now: float) -> Result | Wait:
        """What comes of a request.

        Raises:
            UncorkError: Nothing does, and why.
        """
        command = self._commands.get(request.command)
        if command is None:
            known = ", ".join(f"`{name}`" for name in self._commands)
            raise UsageError(
                f"the server does not know the command `{request.command[:40]}`",
                cause=f"it knows {known}",
                hints=("use the `uncork` of the server",),
            )
        return command(request.arguments, now)

    def _status(self, arguments: Mapping[str, Any], now: float) -> Result:
        del arguments, now
        return with_load(self._server.status(), self._server.scoreboard).facts()

    def _requests(self, arguments: Mapping[str, Any], now: float) -> Result:
        board = self._server.scoreboard
        requests = running_requests(board, now)
        if "worker" in arguments:
            wanted = self._worker(arguments).pid
            requests = [each for each in requests if each["pid"] == wanted]
        return {"requests": requests, "queue": board.totals().queue}

    def _figures(self, arguments: Mapping[str, Any], now: float) -> Result:
        """All that changes from moment to moment, of one moment."""
        return {
            "status": self._status(arguments, now),
            **self._requests(arguments, now),
            "traffic": traffic(self._server.scoreboard, now),
        }

    def _stacks(self, arguments: Mapping[str, Any], now: float) -> Wait:
        one = [self._worker(arguments)] if "worker" in arguments else None
        workers = one or self._server.status().workers
        inquiries = [self._stack_inquiries.inquire(each.pid, now) for each in workers]
        return _Stacks(inquiries, self._server.scoreboard)

    def _reload(self, arguments: Mapping[str, Any], now: float) -> Result | Wait:
        del now
        generation = self._server.reload()
        if not _flag(arguments, "wait", default=True):
            return {"generation": generation, "outcome": "running"}
        return _ReloadEnd(self._server.reloads, generation)

    def _stop(self, arguments: Mapping[str, Any], now: float) -> Result:
        del now
        self._server.end(at_once=_flag(arguments, "now", default=False))
        return {"pid": os.getpid()}

    def _scale(self, arguments: Mapping[str, Any], now: float) -> Result:
        del now
        status = self._server.status()
        before = status.workers_wanted
        wanted = _number(arguments, "workers") if "workers" in arguments else before
        wanted += _number(arguments, "by") if "by" in arguments else 0
        if not 1 <= wanted <= _MAX_WORKERS:
            raise UsageError(
                f"there can't be {wanted} workers",
                cause=f"there are to be {before} now",
                hints=(f"name a number from 1 to {_MAX_WORKERS}",),
            )
        if status.state in ("starting", "stopping"):
            raise EnvironmentProblem(
                "the number of workers was not changed",
                cause="the app is still being loaded for the first time"
                if status.state == "starting"
                else "the server was asked to stop",
            )
        self._server.scale(wanted)
        return {"workers": wanted, "before": before}

    def _worker(self, arguments: Mapping[str, Any]) -> WorkerStatus:
        wanted = _number(arguments, "worker")
        for each in self._server.status().workers:
            if each.pid == wanted:
                return each
        raise UsageError(
            f"there is no worker with process {wanted}", hints=("`uncork status` lists them",)
        )

    def _reopen(self, arguments: Mapping[str, Any], now: float) -> Result:
        del arguments, now
        self._server.do(Action.REOPEN_LOGS)
        return {}


class _Stacks:
    """Waits until every worker has told where its threads are, or can't."""

    def __init__(self, inquiries: Sequence[Inquiry], board: Scoreboard) -> None:
        self._inquiries = inquiries
        self._board = board
        self._before = {each.pid: requests_by_thread(board, each.pid) for each in inquiries}

    def result(self, now: float) -> Result | None:
        """What all of them have told; `None`: not all have."""
        if any(each.facts is None for each in self._inquiries):
            return None
        return {"workers": [self._told(each, now) for each in self._inquiries]}

    def next_look(self) -> float | None:
        """Never: whatever closes an inquiry turns the supervisor's loop."""
        return None

    def _told(self, inquiry: Inquiry, now: float) -> dict[str, Any]:
        facts = inquiry.facts or {}
        before = self._before[inquiry.pid]
        after = requests_by_thread(self._board, inquiry.pid)

        def served(thread: Mapping[str, Any]) -> dict[str, Any] | None:
            ident = thread["ident"]
            return _steady(before.get(ident), after.get(ident), now)

        threads = [{**each, "request": served(each)} for each in facts.get("threads", ())]
        return {"pid": inquiry.pid, **facts, "threads": threads}


def _steady(
    before: RunningRequest | None, after: RunningRequest | None, now: float
) -> dict[str, Any] | None:
    """What a thread was at from the question to the answer; `None`: nothing, or not only one."""
    if before is None or after is None or before.number != after.number:
        return None
    return {
        "method": after.method,
        "path": after.target,
        "client": after.client,
        "seconds": max(0.0, now - after.started),
    }


class _ReloadEnd:
    """Waits for what becomes of a reload."""

    def __init__(self, reloads: ReloadHistory, generation: int) -> None:
        self._reloads = reloads
        self._generation = generation

    def result(self, now: float) -> Result | None:
        """The generation that serves by now; `None`: it is being tried still."""
        del now
        reload = self._reloads.of(self._generation)
        if reload is not None and reload.outcome == "running":
            return None
        if reload is None or reload.error is None:
            seconds = reload.seconds if reload else None
            return {"generation": self._generation, "outcome": "done", "seconds": seconds}
        raise _reload_error(reload)

    def next_look(self) -> float | None:
        """Never: whatever ends a reload turns the supervisor's loop."""
        return None


def _reload_error(reload: ReloadStatus) -> UncorkError:
    """What the worker has said, below what it means for the server."""
    assert reload.error is not None
    told = error_from_facts(reload.error)
    return type(told)(
        "the reload failed, and the code from before goes on serving",
        details=told.details,
        cause=f"{told.what}: {told.cause}" if told.cause else told.what,
        hints=told.hints,
    )


def _flag(arguments: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = arguments.get(name, default)
    if not isinstance(value, bool):
        raise UsageError(f"`{name}` of a request is true or false")
    return value


def _number(arguments: Mapping[str, Any], name: str) -> int:
    value = arguments[name]
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1_000_000:
        raise UsageError(f"`{name}` of a request is a whole number")
    return value
