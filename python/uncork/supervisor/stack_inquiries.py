"""Asks workers where their threads are: by a message, and, of one that does not answer, by force.

A worker that answers tells more: names, and lines of source. One whose interpreter is held by
code in C can't, and gets a signal instead, on which `faulthandler` writes into a file that both
have open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uncork.supervisor.channel import Kind, Message
from uncork.supervisor.duty import Duty
from uncork.supervisor.stack_dumps import parse_dump
from uncork.supervisor.thread_stacks import DUMP_SIGNAL

_ANSWER_SECONDS = 2.0
# A dump is written in a millisecond, and it has no end mark: it is whole when it stays as it is.
_STILL_SECONDS = 0.05
_DUMP_SECONDS = 1.0


@dataclass
class Inquiry:
    """The question to one worker.

    Attributes:
        pid: The worker.
        facts: What came of it, when something has: `threads`, and `told_by` the `worker` or
            `faulthandler`; or `told_by` nobody, and `why`.
    """

    pid: int
    answer_by: float
    facts: Mapping[str, Any] | None = None
    dump_by: float | None = None
    next_look: float = field(default=0.0)
    size: int = 0


class StackInquiries(Duty):
    """The questions that are open, one for each worker at the most.

    Args:
        tell: Sends a message to a worker; whether it went out.
    """

    def __init__(self, tell: Callable[[int, Message], bool]) -> None:
        self._tell = tell
        self._open: dict[int, Inquiry] = {}
        self._unanswered: set[int] = set()
        self._dumps: dict[int, int] = {}

    def inquire(self, pid: int, now: float) -> Inquiry:
        """Asks a worker, or joins the question that it is being asked already."""
        if pid not in self._open:
            self._open[pid] = Inquiry(pid, now + _ANSWER_SECONDS)
            # One that is stuck does not read, and would in the end block whoever writes.
            if pid not in self._unanswered and self._tell(pid, Message(Kind.STACKS_WANTED)):
                self._unanswered.add(pid)
        return self._open[pid]

    def on_message(self, pid: int, message: Message, now: float) -> None:
        """Takes what a worker has told."""
        del now
        if message.kind is Kind.DUMPS_INTO:
            self._forget_dumps(pid)
            self._dumps[pid], *rest = message.descriptors
            for descriptor in rest:
                os.close(descriptor)
        elif message.kind is Kind.STACKS:
            self._unanswered.discard(pid)
            threads = [
                {name: each[name] for name in ("ident", "native_id", "name", "role", "stack")}
                for each in message.facts["threads"]
            ]
            self._close(pid, {"told_by": "worker", "threads": threads})

    def on_worker_death(self, pid: int) -> None:
        """There is nobody to be asked any more."""
        self._forget_dumps(pid)
        self._unanswered.discard(pid)
        self._close(pid, _nobody("it has ended meanwhile"))

    def next_deadline(self) -> float | None:
        """When a worker has had its time, or a dump is looked at again."""
        times = [
            each.answer_by if each.dump_by is None else each.next_look
            for each in self._open.values()
        ]
        return min(times, default=None)

    def on_time(self, now: float) -> None:
        """Asks by force whoever has not answered, and reads what came of that."""
        for inquiry in list(self._open.values()):
            if inquiry.dump_by is not None and now >= inquiry.next_look:
                self._look_at_dump(inquiry, now)
            elif inquiry.dump_by is None and now >= inquiry.answer_by:
                self._ask_by_force(inquiry, now)

    def close(self) -> None:
        """Closes the files."""
        for pid in list(self._dumps):
            self._forget_dumps(pid)

    def _ask_by_force(self, inquiry: Inquiry, now: float) -> None:
        descriptor = self._dumps.get(inquiry.pid)
        if descriptor is None or DUMP_SIGNAL is None:
            self._close(inquiry.pid, _nobody(_why_silent(inquiry.pid)))
            return
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        with suppress(ProcessLookupError):
            os.kill(inquiry.pid, DUMP_SIGNAL)
        inquiry.dump_by = now + _DUMP_SECONDS
        inquiry.next_look = now + _STILL_SECONDS

    def _look_at_dump(self, inquiry: Inquiry, now: float) -> None:
        descriptor = self._dumps[inquiry.pid]
        size = os.fstat(descriptor).st_size
        is_whole = size > 0 and size == inquiry.size
        if not is_whole and inquiry.dump_by is not None and now < inquiry.dump_by:
            inquiry.size = size
            inquiry.next_look = now + _STILL_SECONDS
            return
        text = os.pread(descriptor, size, 0).decode(errors="replace")
        threads = parse_dump(text)
        if threads:
            told = {"told_by": "faulthandler", "threads": threads}
            self._close(inquiry.pid, {**told, "why": _why_silent(inquiry.pid)})
        else:
            self._close(inquiry.pid, _nobody(_why_silent(inquiry.pid)))

    def _close(self, pid: int, facts: Mapping[str, Any]) -> None:
        inquiry = self._open.pop(pid, None)
        if inquiry is not None:
            inquiry.facts = facts

    def _forget_dumps(self, pid: int) -> None:
        descriptor = self._dumps.pop(pid, None)
        if descriptor is not None:
            os.close(descriptor)


def _nobody(why: str) -> Mapping[str, Any]:
    return {"told_by": None, "threads": [], "why": why}


def _why_silent(pid: int) -> str:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        state = ""
    if state in ("T", "t"):
        return "it was stopped, by SIGSTOP or a debugger"
    if state == "D":
        return "it waits for the system, such as for a disk"
    return "something holds its interpreter: code in C that does not let go of the GIL"
