"""Messages between the supervisor and one worker: JSON, one on a line, with descriptors.

Over a pair of stream sockets: macOS has no `SOCK_SEQPACKET` in the unix family. A message says
how many descriptors go with it, so however the bytes were cut, each finds its own. The end of
the stream is a message too: whoever was at the other end is no more.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from uncork.supervisor.handover import HandedChannel

_RECEIVE_BYTES = 64 * 1024
# The kernel's own limit for one call is 253 (`SCM_MAX_FD`).
_MAX_DESCRIPTORS = 250
# What says more than this in one message is not uncork.
_MAX_MESSAGE_BYTES = 1024 * 1024
# Whoever does not take a message for this long never will.
_SEND_SECONDS = 5.0


class Kind(Enum):
    """What a message says."""

    LOADED = "loaded"  # worker: the app was found, and needs its listeners
    GRANTED = "granted"  # supervisor: here they are
    REFUSED = "refused"  # supervisor: they can't be had, and why
    READY = "ready"  # worker: it serves
    ONCE = "once"  # worker: may it have this name?
    ELECTED = "elected"  # supervisor: it may, or may not
    FAILED = "failed"  # worker: why it ends without having served
    ASKED = "asked"  # admin process: how is the server?
    TOLD = "told"  # supervisor: this is how it is
    END = "end"  # supervisor: come to an end
    STACKS_WANTED = "stacks wanted"  # supervisor: where are your threads?
    STACKS = "stacks"  # worker: there
    DUMPS_INTO = "dumps into"  # worker: the file in which it can be read when it can't answer
    LOGS = "logs"  # supervisor: log to these from here on
    TEMPLATE = "template"  # supervisor: be the template, from which workers are forked
    PRELOADED = "preloaded"  # worker: it is the template from now on
    FORK = "fork"  # supervisor: fork a worker, which gets this end of its channel
    FORKED = "forked"  # template: its process id, or why there is none
    DESK = "desk"  # either: something of a development server's own; see `desk.py`
    ANSWERED = "answered"  # worker: the script has only answered its own `--help` or the like
    WATCH = "watch"  # supervisor: these files, from now on
    WATCHING = "watching"  # watching process: that it does, and how
    CHANGED = "changed"  # watching process: which of them have changed


@dataclass(frozen=True)
class Message:
    """One message; whoever receives it owns its descriptors."""

    kind: Kind
    facts: Mapping[str, Any] = field(default_factory=dict)
    descriptors: Sequence[int] = ()


class Channel:
    """One end; for one thread at a time in each direction."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._socket.settimeout(_SEND_SECONDS)
        self._bytes = b""
        self._descriptors: list[int] = []

    @classmethod
    def of_descriptor(cls, descriptor: int) -> Self:
        """One end that came as a descriptor, which is the channel's own from now on."""
        return cls(socket.socket(fileno=descriptor))

    @classmethod
    def pair(cls) -> tuple[Self, Self]:
        """Both ends of a new channel."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(one), cls(other)

    def hand_over(self) -> HandedChannel:
        """What `taken_over` makes the same end of, in the next program of this process."""
        return HandedChannel(self.fileno(), self._bytes.decode("latin-1"))

    @classmethod
    def taken_over(cls, handed: HandedChannel) -> Self:
        """An end that was open before this program."""
        end = socket.socket(fileno=handed.descriptor)
        end.set_inheritable(False)
        channel = cls(end)
        channel._bytes = handed.unread.encode("latin-1")
        return channel

    def fileno(self) -> int:
        """The descriptor to poll; -1 when it was closed."""
        return self._socket.fileno()

    def send(self, message: Message) -> bool:
        """Whether the message went out: the other end is there, and reads."""
        facts = {"kind": message.kind.value, "descriptors": len(message.descriptors)}
        data = json.dumps({**message.facts, **facts}).encode() + b"\n"
        try:
            if message.descriptors:
                sent = socket.send_fds(self._socket, [data], list(message.descriptors))
                data = data[sent:]
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def receive(self, timeout_seconds: float | None = 0.0) -> list[Message] | None:
        """The messages that have come; `None` at the end of the stream.

        Also `None` for what is no message: the app has the worker's end in its process, and must
        not be able to take the supervisor down with it. Waits for the first bytes only: without
        `timeout_seconds`, for as long as it takes.
        """
        self._socket.settimeout(timeout_seconds)
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._socket, _RECEIVE_BYTES, _MAX_DESCRIPTORS
            )
        except (BlockingIOError, TimeoutError):
            return []
        except OSError:
            return None  # reset: it died with something unread
        finally:
            with suppress(OSError):
                self._socket.settimeout(_SEND_SECONDS)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        self._descriptors += descriptors
        *lines, self._bytes = (self._bytes + data).split(b"\n")
        has_ended = not data or len(self._bytes) > _MAX_MESSAGE_BYTES
        try:
            messages = [self._message(line) for line in lines]
        except (ValueError, LookupError, TypeError, AttributeError):
            has_ended = True
        if has_ended or len(self._descriptors) > _MAX_DESCRIPTORS:
            return None
        return messages

    def close(self) -> None:
        """Closes this end, and descriptors that nobody has asked for; idempotent."""
        self._socket.close()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _message(self, line: bytes) -> Message:
        facts = json.loads(line)
        count = facts.pop("descriptors")
        own, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return Message(Kind(facts.pop("kind")), facts, own)
