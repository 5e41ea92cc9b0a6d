"""The whole life of the watching process: it waits for events, and tells which files have changed.

An event is only a hint where to look. What has changed is decided by comparing what is there now
with what was there before, so it does not matter in which order events come, whether some are
about files that are gone again, or whether they are told twice.
"""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from uncork.dev.watching.alarm import Alarm
from uncork.dev.watching.change import Change
from uncork.dev.watching.surveying import Survey
from uncork.dev.watching.watch_list import WatchList
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.process_title import set_process_title
from uncork.supervisor.signals import ACTIONS
from uncork.supervisor.supervisor_signals import hear_from_here

# For how long nothing may happen before what has happened is told. Editors write a file in
# several steps, within a few milliseconds; git and formatters write many files one by one.
_QUIET_SECONDS = 0.011
_MANY_QUIET_SECONDS = 0.05
_MANY = 8
# A file that is gone, or empty, is likely to be written next.
_HALFWAY_SECONDS = 0.06
_LONGEST_SECONDS = 0.5
# The contents of a large project are read bit by bit, so that events are not kept waiting.
_READ_SECONDS = 0.005
# Who reloads need not know more; and a message has its limit.
_MAX_CHANGES = 1000
_WAIT_SECONDS = 3600.0


class WatchOptions(NamedTuple):
    """How to watch.

    Attributes:
        is_polling_forced: Look again and again, also where the system tells of changes.
        poll_seconds: How often, where that is necessary, if it does not take too long.
    """

    is_polling_forced: bool = False
    poll_seconds: float = 0.3


def run_watching(
    channel: Channel, watch: Mapping[str, Any], options: WatchOptions, since_ns: int
) -> int:
    """Watches until the supervisor has ended it, or is no more; the exit code, which is 0.

    Args:
        channel: To the supervisor.
        watch: The first message's facts.
        options: How.
        since_ns: What was written later, by the files' own time, counts as changed.
    """
    # They go to the supervisor, which decides. This process keeps nothing that a kill could harm.
    for number in ACTIONS:
        signal.signal(number, signal.SIG_IGN)
    hear_from_here()
    set_process_title("uncork: watching files", "uncork-watch")
    _Watching(channel, options).run(watch, since_ns)
    return 0


class _Watching:
    """Drives a survey by the clock and the channel."""

    def __init__(self, channel: Channel, options: WatchOptions) -> None:
        self._channel = channel
        self._options = options
        self._interrupt = _Interrupt(channel)
        self._survey = Survey(
            self._interrupt,
            Alarm.if_there_can_be(),
            is_polling_forced=options.is_polling_forced,
        )
        self._number = 0
        self._taken_ns: int | None = None
        self._told: dict[str, Any] = {}
        self._last_event = time.monotonic()
        self._poll_at = 0.0

    def run(self, watch: Mapping[str, Any], since_ns: int) -> None:
        """Returns when the supervisor is no more."""
        dirty = self._take(watch, since_ns)
        while True:
            if dirty and not self._tell(self._settled(dirty)):
                return
            dirty = self._wait()
            while self._interrupt.is_set():
                messages = self._channel.receive()
                if messages is None:
                    return
                for message in messages:
                    if message.kind is Kind.WATCH:
                        dirty |= self._take(message.facts, None)

    def _take(self, watch: Mapping[str, Any], since_ns: int | None) -> set[str]:
        """Watches what that says; which files may have changed meanwhile.

        A file that is new since the list before counts as changed: it may have come while this
        one was on its way.
        """
        before_ns, self._taken_ns = self._taken_ns, time.time_ns()
        since_ns = before_ns if since_ns is None else since_ns
        dirty = self._survey.take(WatchList.from_facts(watch["list"]), since_ns)
        self._number = watch["number"]
        self._tell_how()
        return dirty

    def _wait(self) -> set[str]:
        """The files that may have changed; empty also when there is something to be read."""
        survey = self._survey
        now = time.monotonic()
        seconds = survey.wait_seconds or _WAIT_SECONDS
        if survey.snapshots.read_some(_READ_SECONDS):
            seconds = _READ_SECONDS
        if survey.has_polled:
            if now >= self._poll_at:
                begun = time.monotonic()
                dirty = survey.poll()
                took = time.monotonic() - begun
                self._poll_at = begun + max(self._options.poll_seconds, 20 * took)
                if dirty:
                    return dirty
            seconds = min(seconds, max(0.001, self._poll_at - time.monotonic()))
        if survey.has_events:
            hinted = survey.wait(seconds, now - self._last_event)
            if hinted.any:
                self._last_event = time.monotonic()
            return hinted.files
        self._interrupt.wait(seconds)
        return survey.look_for_missing()

    def _settled(self, dirty: set[str]) -> set[str]:
        """The files that may have changed, when nothing more happens to them."""
        self._interrupt.is_held = True
        deadline = time.monotonic() + _LONGEST_SECONDS
        patience = time.monotonic() + _HALFWAY_SECONDS
        quiet = _QUIET_SECONDS
        while (now := time.monotonic()) < deadline:
            more = self._more(quiet, dirty)
            if more:
                dirty = dirty | more
                patience = time.monotonic() + _HALFWAY_SECONDS
                quiet = _MANY_QUIET_SECONDS if len(dirty) > _MANY else _QUIET_SECONDS
            elif now >= patience or not any(map(self._survey.snapshots.is_halfway, dirty)):
                break
        self._interrupt.is_held = False
        return dirty

    def _more(self, seconds: float, dirty: set[str]) -> set[str]:
        """What has happened again, or too, within that time."""
        if self._survey.has_events:
            return self._survey.wait(seconds, 0.0).files
        stamps = self._survey.stamps(dirty)
        time.sleep(seconds)
        return {path for path, found in self._survey.stamps(dirty).items() if stamps[path] != found}

    def _tell(self, dirty: set[str]) -> bool:
        """Whether the supervisor is there; tells which of the files have changed."""
        changes = self._survey.changed(dirty)
        if not changes:
            return True
        self._tell_how()
        facts = [change.facts() for change in _most_important(changes)]
        return self._channel.send(Message(Kind.CHANGED, {"changes": facts}))

    def _tell_how(self) -> None:
        facts = {
            "number": self._number,
            "mode": self._survey.mode,
            "troubles": self._survey.troubles,
        }
        if facts != self._told:
            self._told = facts
            self._channel.send(Message(Kind.WATCHING, facts))


class _Interrupt:
    """A message from the supervisor, or its end; `is_held`: it is to wait."""

    def __init__(self, channel: Channel) -> None:
        self.is_held = False
        self._channel = channel
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)

    def is_set(self) -> bool:
        return not self.is_held and self.wait(0)

    def fileno(self) -> int:
        return -1 if self.is_held else self._channel.fileno()

    def wait(self, seconds: float) -> bool:
        """Whether something came within that time."""
        return bool(self._poll.poll(seconds * 1000))


def _most_important(changes: list[Change]) -> list[Change]:
    """Those that a restart follows from come first, should there be too many."""
    if len(changes) <= _MAX_CHANGES:
        return changes
    changes.sort(key=lambda change: change.kind in ("template", "static"))
    return changes[:_MAX_CHANGES]
