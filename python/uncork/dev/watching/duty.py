"""The supervisor's side of the watching process: starts it, keeps it, and passes changes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from uncork import console
from uncork.dev.watching.change import Change
from uncork.dev.watching.process import WatchOptions, run_watching
from uncork.dev.watching.repeating import Repeating
from uncork.dev.watching.watch_list import WatchList
from uncork.dev.watching.written_by_app import WrittenByApp
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import fork_process
from uncork.supervisor.respawning import Respawning

# It takes a moment from the end of this process to the restart of the server.
_RESTART_SECONDS = 1.0

OnChange = Callable[[list[Change]], None]
Fork = Callable[[Callable[[Channel], int]], tuple[int, Channel]]


class FileWatch(Duty):
    """Watches files by a process of its own, which begins when it is known what to watch.

    Args:
        on_change: Told what has changed, all that changed at once together.
        watch_list: What to watch at first; `None`: nothing until `watch` is called.
        workers: The process ids of those who run the app, whose own files do not count.
        options: How to watch.
        fork: Starts a process.
    """

    def __init__(
        self,
        on_change: OnChange,
        watch_list: WatchList | None = None,
        workers: Callable[[], Iterable[int]] = tuple,
        options: WatchOptions | None = None,
        fork: Fork = fork_process,
    ) -> None:
        self._on_change = on_change
        self._options = options or WatchOptions()
        self._fork = fork
        self._written = WrittenByApp(workers)
        self._repeating = Repeating()
        self._owner = os.getpid()
        self._respawning = Respawning()
        self._list: WatchList | None = None
        self._number = 0
        self._watched_number = 0
        self._since_ns = 0
        self._pid: int | None = None
        self._channel: Channel | None = None
        self._start_at: float | None = None
        self._started_at = 0.0
        self._mode: str | None = None
        self._troubles: set[str] = set()
        self._has_told_death = False
        self._is_leaving = False
        if watch_list is not None:
            self.watch(watch_list)

    @property
    def mode(self) -> str | None:
        """How it is watched, such as `inotify, 14 files`; `None`: it is not known yet."""
        return self._mode

    @property
    def is_settled(self) -> bool:
        """Whether what was asked for last is watched by now."""
        return self._list is not None and self._watched_number == self._number

    @property
    def pid(self) -> int | None:
        """The process that watches, while there is one."""
        return self._pid

    def watch(self, watch_list: WatchList) -> None:
        """Watches these from now on, instead of what it was before."""
        if watch_list == self._list:
            return
        if self._list is None:
            self._since_ns = time.time_ns()
            self._start_at = 0.0
        self._list = watch_list
        self._number += 1
        if self._channel is not None:
            self._channel.send(Message(Kind.WATCH, self._facts(watch_list)))

    def descriptors(self) -> Sequence[int]:
        """The channel."""
        return [self._channel.fileno()] if self._channel else []

    def on_readable(self, descriptor: int, now: float) -> None:
        """Something has changed, or the process has ended."""
        del descriptor
        if self._channel is None:
            return
        messages = self._channel.receive()
        if messages is None:
            self._close_channel()  # its death is told apart
            return
        changes: list[Change] = []
        for message in messages:
            if message.kind is Kind.CHANGED:
                changes += map(Change.from_facts, message.facts["changes"])
            elif message.kind is Kind.WATCHING:
                self._mode = message.facts["mode"]
                self._watched_number = message.facts["number"]
                for text, hint in message.facts["troubles"]:
                    self._tell_trouble(text, hint)
        changes = self._written.left_of(list(dict.fromkeys(changes)), now)
        changes = self._repeating.left_of(changes, now)
        self._tell_muted()
        if changes:
            self._on_change(changes)

    def next_deadline(self) -> float | None:
        """When the process is to be started, or a file has rested that changed all the time."""
        start = self._start_at if self._pid is None else None
        times = [at for at in (start, self._repeating.next_deadline()) if at is not None]
        return min(times, default=None)

    def on_time(self, now: float) -> None:
        """Starts the process, and tells what has waited.

        Raises:
            InProcess: This is it.
        """
        if rested := self._repeating.rested(now):
            self._on_change(rested)
        if self._pid is None and self._start_at is not None and now >= self._start_at:
            self._start_at = None
            self._start(now)

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Replaces the process."""
        if pid != self._pid:
            return False
        self._pid = None
        self._close_channel()
        if self._is_leaving:
            self._is_leaving = False
            return True
        # What is written until the next one looks must not be missed.
        self._since_ns = time.time_ns()
        wait = self._respawning.seconds_after(now - self._started_at)
        self._start_at = now + wait
        if not self._has_told_death:
            self._has_told_death = True
            console.warn(
                f"the process that watches files (process {pid}) {death.text}; "
                "it is started again, and this is not told twice"
            )
        return True

    def let_go(self) -> bool:
        """Whether the process has ended; ends it. If no restart comes of it, it starts again."""
        if self._pid is not None and not self._is_leaving:
            self._is_leaving = True
            os.kill(self._pid, signal.SIGKILL)
        if self._list is not None:
            self._start_at = time.monotonic() + _RESTART_SECONDS
        return self._pid is None

    def close(self) -> None:
        """Ends the process; in any other process, lets go of it."""
        if self._pid is not None and os.getpid() == self._owner:
            os.kill(self._pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = None
        self._close_channel()

    def _start(self, now: float) -> None:
        assert self._list is not None
        facts, options, since_ns = self._facts(self._list), self._options, self._since_ns

        def run(channel: Channel) -> int:
            return run_watching(channel, facts, options, since_ns)

        self._started_at = now
        try:
            self._pid, self._channel = self._fork(run)
        except OSError as error:
            wait = self._respawning.seconds_after(None)
            self._start_at = now + wait
            why = (error.strerror or str(error)).lower()
            self._tell_trouble(f"files are not watched: no process could be started: {why}", "")

    def _facts(self, watch_list: WatchList) -> dict[str, object]:
        return {"number": self._number, "list": watch_list.facts()}

    def _tell_muted(self) -> None:
        while self._repeating.newly_muted:
            path = self._repeating.newly_muted.pop()
            self._tell_trouble(
                f"`{path}` changes again and again, as if the app wrote it: "
                "it counts when it rests",
                f"leave it out with `--exclude-patterns '*/{path.name}'`",
            )

    def _tell_trouble(self, text: str, hint: str) -> None:
        if text not in self._troubles:
            self._troubles.add(text)
            console.warn(text, *([hint] if hint else []))

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
