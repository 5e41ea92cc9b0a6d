"""Keys on the terminal: each does one thing. The terminal is lent to a worker that asks for it.

A worker asks when something in it does: `pdb`, `breakpoint()`, `input()`. One has it at a time,
and keys do nothing meanwhile, until that one gives it back or is no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from uncork import console
from uncork.dev.borrowing import BACK, LENT, TERMINAL, WANTED
from uncork.dev.terminal import Place, Terminal
from uncork.supervisor.channel import Kind, Message
from uncork.supervisor.duty import Duty

# Nobody tells a process that it has come to the foreground, or has lost it, while it runs.
_LOOK_SECONDS = 1.0
_HELP = "h"
_ENTER = re.compile(rb"[\r\n]")


@dataclass(frozen=True)
class Key:
    """What one key does.

    Attributes:
        text: That, in a few words.
        do: Does it; given the time.
    """

    text: str
    do: Callable[[float], None]


class Keys(Duty):
    """Listens while the server is in the foreground of its terminal, if it has one.

    Args:
        terminal: Closed here; `None`: there is none, and whoever asks for it is let go on.
        tell: Sends a message to a worker.
        keys: What each does; `h` is the list of them.
        excuse: Lets a worker take as long as it likes: it is about to ask somebody something.
        gone: Called when the terminal has gone.
    """

    def __init__(
        self,
        terminal: Terminal | None,
        tell: Callable[[int, Message], bool],
        keys: Mapping[str, Key],
        excuse: Callable[[int], None],
        gone: Callable[[], None],
    ) -> None:
        self._terminal = terminal
        self._tell = tell
        self._keys = keys
        self._excuse = excuse
        self._gone = gone
        self._asking: list[int] = []
        self._borrower: int | None = None
        self._is_listening = False
        self._was_in_foreground = False
        self._look_at = 0.0

    @property
    def hint(self) -> str | None:
        """The keys in one line, if there are any that work."""
        if self._terminal is None or self._terminal.look() is not Place.FOREGROUND:
            return None
        keys = {_HELP: "help"} | {name: key.text.split()[0] for name, key in self._keys.items()}
        return " · ".join(f"{name} {word}" for name, word in keys.items())

    def descriptors(self) -> Sequence[int]:
        """The terminal, while keys are listened to."""
        if self._terminal is None or not self._is_listening:
            return ()
        return (self._terminal.fileno(),)

    def on_readable(self, descriptor: int, now: float) -> None:
        """Does what the keys are for that were pressed."""
        del descriptor
        if self._terminal is None:
            return
        typed = self._terminal.read()
        if typed is None:
            self._lose_terminal()
        elif typed:
            self._press(typed, now)

    def next_deadline(self) -> float | None:
        """When to look where the server is."""
        return None if self._terminal is None else self._look_at

    def on_time(self, now: float) -> None:
        """Looks where the server is, and who is to read what is typed."""
        self._look_at = now + _LOOK_SECONDS
        self._settle()

    def on_message(self, pid: int, message: Message, now: float) -> None:
        """Lends the terminal, or takes it back."""
        del now
        wish = message.facts.get(TERMINAL) if message.kind is Kind.DESK else None
        if wish == WANTED:
            self._excuse(pid)
            self._asking.append(pid)
            self._settle()
            if self._terminal is not None and self._terminal.look() is Place.BACKGROUND:
                console.note("the app asks for something to be typed; `fg` lets you do that")
        elif wish == BACK:
            self._take_back(pid)

    def on_worker_death(self, pid: int) -> None:
        """Takes back what it had."""
        self._take_back(pid)

    def on_end(self, now: float, *, at_once: bool) -> None:
        """What is said of the end does not stand behind a debugger's question."""
        del now, at_once
        if self._borrower is not None and self._terminal is not None:
            console.say("")

    def close(self) -> None:
        """Leaves the terminal as it was found."""
        if self._terminal is not None:
            self._terminal.close()

    def _settle(self) -> None:
        place = Place.FOREGROUND if self._terminal is None else self._terminal.look()
        if place is Place.GONE:
            self._lose_terminal()
            place = Place.FOREGROUND
        self._is_listening = False
        if place is Place.BACKGROUND:
            self._was_in_foreground = False
            return
        self._was_in_foreground = True
        while self._asking and (self._borrower is None or self._terminal is None):
            self._lend(self._asking.pop(0))
        if self._terminal is not None and self._borrower is None:
            self._terminal.listen()
            self._is_listening = True

    def _lend(self, pid: int) -> None:
        if self._terminal is not None:
            self._terminal.lend()
        if self._tell(pid, Message(Kind.DESK, {TERMINAL: LENT})):
            self._borrower = pid

    def _take_back(self, pid: int) -> None:
        self._asking = [each for each in self._asking if each != pid]
        if pid == self._borrower:
            self._borrower = None
            self._settle()

    def _lose_terminal(self) -> None:
        terminal, self._terminal = self._terminal, None
        if terminal is not None:
            terminal.close()
        if self._was_in_foreground:
            self._gone()

    def _press(self, typed: bytes, now: float) -> None:
        """What was typed since one looked last: more than one key at once was pasted."""
        if lines := len(_ENTER.findall(typed)):
            console.say("\n" * (lines - 1))
        letters = set(_ENTER.sub(b"", typed).decode(errors="replace").lower())
        if len(letters) != 1:
            return
        (letter,) = letters
        if letter in (_HELP, "?"):
            self._say_help()
        elif key := self._keys.get(letter):
            key.do(now)

    def _say_help(self) -> None:
        lines = [f"  {name}  {key.text}" for name, key in sorted(self._keys.items())]
        lines += ["  h  show this", "  Ctrl+C  quit; again: at once"]
        console.say("\n".join(lines))
