"""What is done when files have changed, and what is said of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from uncork import console
from uncork.dev.prepared_modules import Wanted
from uncork.dev.supervision import DevSupervision
from uncork.dev.watching import Change, FileWatch, WatchList
from uncork.supervisor.channel import Kind, Message
from uncork.supervisor.duty import Duty

# These are read by the app while it runs; an open page alone has to follow.
_FOR_PAGES = ("template", "static")
_NAMES_SHOWN = 3
_LINE = 80


class Reloading(Duty):
    """Hears of changes and of workers, and has the one follow the other.

    Args:
        server: What is reloaded.
        base: What is watched whatever the app says.
        banner: Says that the app is ready for the first time; given what the worker told.
    """

    def __init__(self, server: DevSupervision, base: WatchList, banner: Banner) -> None:
        self._server = server
        self._base = base
        self._banner = banner
        self._watch: FileWatch | None = None
        self._has_said_ready = False
        self._said_places: set[str] = set()
        self._begun: dict[int, tuple[float, str]] = {}

    def use(self, watch: FileWatch) -> None:
        """Tells this one what to watch."""
        self._watch = watch

    def restart(self, why: str) -> None:
        """Loads the app anew."""
        begun = time.monotonic()
        last = self._server.plans.last
        self._server.reload_as_told()
        if self._server.plans.last != last:
            self._begun[self._server.plans.last] = begun, why

    def on_change(self, changes: Sequence[Change]) -> None:
        """Loads the app anew, or has open pages follow."""
        if any(change.kind not in _FOR_PAGES for change in changes):
            self.restart(f"{_names(changes)} changed")
            return
        is_style = all(change.path.suffix == ".css" for change in changes)
        self._server.tell_workers({"refresh": "css" if is_style else "page"})

    def on_message(self, pid: int, message: Message, now: float) -> None:
        """Hears what a worker has to tell beside its own life."""
        if message.kind is Kind.ANSWERED:
            self._server.on_answered(pid)
        elif message.kind is Kind.DESK and "watch" in message.facts:
            # What it tells beside takes longer than to serve.
            worker = next(each for each in self._server.fleet.workers if each.pid == pid)
            self._on_ready(worker.generation, message.facts, worker.ready_at or now)

    def _on_ready(self, generation: int, facts: Mapping[str, Any], now: float) -> None:
        plans, preparing = self._server.plans, self._server.preparing
        if preparing is not None and "prepare" in facts and generation in plans.numbers:
            wanted = Wanted.from_facts(facts["prepare"])
            preparing.prepare(wanted, plans.of(generation).environ or {}, now)
        if self._watch is not None:
            self._watch.watch(self._base | WatchList.from_facts(facts["watch"]))
        is_failure = self._server.loaded.get("failure") is not None
        begun, why = self._begun.pop(generation, (None, ""))
        if not self._has_said_ready:
            self._has_said_ready = True
            self._banner.say(self._server, facts, is_failure=is_failure)
        elif begun is not None:
            sign = "\u21bb " if _has("\u21bb") else ""
            milliseconds = (now - begun) * 1000
            done = "waiting for the next change" if is_failure else "reloaded"
            console.say(f"{sign}{why}: {done} ({milliseconds:.0f} ms)")
        if more := [each for each in self._server.places if each not in self._said_places]:
            if self._said_places:
                console.say("\n".join(map(place_line, more)))
            self._said_places.update(more)


class Banner:
    """What is said when the app is there.

    Args:
        started_at: When the command began.
        mode: How changes are noticed, as far as is known.
        hint: What keys there are.
    """

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self.watch: FileWatch | None = None
        self.keys: str | None = None

    def say(self, server: DevSupervision, facts: Mapping[str, Any], *, is_failure: bool) -> None:
        """Says it."""
        loaded = server.loaded
        took = (time.monotonic() - self._started_at) * 1000
        lines = []
        if is_failure:
            lines.append(f"uncork {loaded['version']} waits for the app to be mended")
        else:
            lines.append(
                f"uncork {loaded['version']} has `{loaded['name']}` ready in {took:.0f} ms, "
                f"{loaded['origin']}"
            )
        lines += map(place_line, server.places)
        about = ["reload: off" if self.watch is None else f"reload: {self.watch.mode or 'on'}"]
        if facts.get("debugger_pin"):
            about.append(f"debugger PIN: {facts['debugger_pin']}")
        elif facts.get("debugger_why_off"):
            about.append(str(facts["debugger_why_off"]))
        together = f"  {' · '.join(about)}"
        lines += [together] if len(together) <= _LINE else [f"  {each}" for each in about]
        lines.append(f"  {self.keys or 'Ctrl+C stops it'}")
        lines.append("  for production: uncork serve")
        console.say("\n".join(lines))


def place_line(place: str) -> str:
    """What says where the app is."""
    arrow = "\u279c" if _has("\u279c") else "at"
    return f"  {arrow} {place}"


def _names(changes: Sequence[Change]) -> str:
    here = Path.cwd()
    names = []
    for change in changes:
        path = change.path
        names.append(str(path.relative_to(here)) if path.is_relative_to(here) else str(path))
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _has(character: str) -> bool:
    try:
        character.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError, AttributeError):
        return False
    return True
