"""Drives a `FileWatch` as the supervisor's loop does, in a process of its own.

In one of its own, because the watching process is forked from it, and unwinds its stack.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uncork.dev.watching import FileWatch, WatchList, WatchOptions
from uncork.supervisor.deaths import ended_processes, read_status
from uncork.supervisor.forking import InProcess
from uncork.supervisor.supervisor_signals import SupervisorSignals

DEADLINE_SECONDS = 25.0


def main(number: int) -> int:
    """The process that has the duty: told by lines of JSON what to watch, it tells what changes."""
    control = socket.socket(fileno=number)
    control.setblocking(False)
    facts = json.loads(os.environ["WATCH_HARNESS"])
    try:
        with SupervisorSignals() as signals:
            return _loop(control, signals, facts)
    except InProcess as forked:
        new = forked.with_traceback(None)
    control.close()
    return new.job()


def _loop(control: socket.socket, signals: SupervisorSignals, facts: dict[str, Any]) -> int:
    def tell(**told: Any) -> None:
        control.sendall(json.dumps(told).encode() + b"\n")

    watch = FileWatch(
        lambda changes: tell(
            changes=[[str(each.path), each.kind] for each in changes], at=time.time_ns()
        ),
        WatchList.from_facts(facts["list"]),
        workers=lambda: facts["workers"],
        options=WatchOptions(facts["is_polling_forced"], facts["poll_seconds"]),
    )
    told: dict[str, Any] = {}
    data = b""
    try:
        while True:
            now = time.monotonic()
            watch.on_time(now)
            state = {"pid": watch.pid, "mode": watch.mode, "is_settled": watch.is_settled}
            if state != told:
                told = state
                tell(state=state)
            poll = select.poll()
            for descriptor in (control.fileno(), signals.fileno(), *watch.descriptors()):
                poll.register(descriptor, select.POLLIN)
            deadline = watch.next_deadline()
            wait = None if deadline is None else max(0, deadline - time.monotonic()) * 1000 + 1
            for descriptor, _ in poll.poll(wait):
                if descriptor == control.fileno():
                    new = control.recv(65536)
                    if not new:
                        return 0
                    *lines, data = (data + new).split(b"\n")
                    for line in lines:
                        watch.watch(WatchList.from_facts(json.loads(line)))
                elif descriptor in watch.descriptors():
                    watch.on_readable(descriptor, time.monotonic())
            if any(action.name in ("DRAIN", "STOP") for action in signals.heard()):
                continue  # the supervisor would decide
            for pid, status in ended_processes():
                watch.on_death(pid, read_status(status), time.monotonic())
    finally:
        watch.close()


@dataclass
class Watched:
    """The process with the duty, from the test's side."""

    process: subprocess.Popen[bytes]
    socket: socket.socket
    state: dict[str, Any] = field(default_factory=dict)
    changes: list[tuple[list[list[str]], int]] = field(default_factory=list)
    _data: bytes = b""

    def until(self, what: Callable[[], Any], text: str) -> Any:
        """What that returns, as soon as it is something."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := what()):
            left = deadline - time.monotonic()
            assert left > 0, f"not in time: {text}; state: {self.state}, changes: {self.changes}"
            self._receive(left)
        return found

    def next_change(self) -> dict[str, str]:
        """The files of the next change that is told, with what each is."""
        return self.next_timed()[0]

    def next_timed(self) -> tuple[dict[str, str], int]:
        """The same, and when it was told, by the clock of files."""
        files, at = self.until(lambda: self.changes and self.changes.pop(0), "a change")
        return {Path(path).name: kind for path, kind in files}, at

    def settle(self) -> None:
        """Waits until it is watched what was asked for."""
        self.until(lambda: self.state.get("is_settled"), "settled")

    def watch(self, watch_list: WatchList) -> None:
        """Asks for another list, and waits until it is watched."""
        self.state["is_settled"] = False
        self.socket.sendall(json.dumps(watch_list.facts()).encode() + b"\n")
        self.settle()

    @property
    def watcher(self) -> int:
        """The process id of the watching process."""
        self.until(lambda: self.state.get("pid"), "a process")
        return int(self.state["pid"])

    def until_another_process(self, before: int) -> None:
        """Waits until another one watches."""
        self.until(lambda: self.state["pid"] not in (None, before), "another process")

    def _receive(self, seconds: float) -> None:
        self.socket.settimeout(seconds)
        try:
            new = self.socket.recv(1 << 20)
        except TimeoutError:
            return
        assert new, f"the process has ended: {self.process.wait()}"
        *lines, self._data = (self._data + new).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "state" in told:
                self.state = told["state"]
            else:
                self.changes.append((told["changes"], told["at"]))


@contextlib.contextmanager
def watching(
    watch_list: WatchList,
    *,
    workers: list[int] | None = None,
    is_polling_forced: bool = False,
    poll_seconds: float = 0.05,
    stderr: Path | None = None,
    prefix: tuple[str, ...] = (),
) -> Iterator[Watched]:
    """Watches while the block runs; settled already."""
    own, other = socket.socketpair()
    facts = {
        "list": watch_list.facts(),
        "workers": workers or [],
        "is_polling_forced": is_polling_forced,
        "poll_seconds": poll_seconds,
    }
    module = "tests.support.watch_harness"
    code = f"import sys; from {module} import main; sys.exit(main({other.fileno()}))"
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(stderr.open("wb")) if stderr else None
        process = subprocess.Popen(
            [*prefix, sys.executable, "-c", code],
            env={**os.environ, "WATCH_HARNESS": json.dumps(facts)},
            cwd=Path(__file__).parents[2],
            pass_fds=[other.fileno()],
            stderr=errors,
            start_new_session=True,
        )
        other.close()
        watched = Watched(process, own)
        try:
            watched.settle()
            yield watched
        finally:
            own.close()
            try:
                process.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
