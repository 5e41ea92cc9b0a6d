"""The admin process's end of the channel: asks the supervisor how the server is.

Each answer is fresh, and proves that the supervisor's loop turns: it is the loop that answers.
"""

from __future__ import annotations

import threading
import time

from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.status import ServerStatus
from uncork.supervisor.worker_logs import WorkerLogs

# How long one waits for an answer before one goes on with what is known; a probe of Kubernetes
# has one second by default.
_PATIENCE_SECONDS = 0.5


class AdminLink:
    """The supervisor, as the admin process knows it; `ask` is for any thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._logs = WorkerLogs()
        self._changed = threading.Condition()
        self._status: ServerStatus | None = None
        self._answers = 0
        self._asked_at: float | None = None

    def ask(self) -> ServerStatus | None:
        """How the server is; what was known before when there is no answer for half a second.

        `None`: nothing is known at all yet.
        """
        with self._changed:
            before = self._answers
            if self._asked_at is None:
                self._asked_at = time.monotonic()
                self._channel.send(Message(Kind.ASKED))
            self._changed.wait_for(lambda: self._answers > before, _PATIENCE_SECONDS)
            return self._status

    @property
    def unanswered_seconds(self) -> float:
        """For how long the supervisor has owed an answer."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else time.monotonic() - asked_at

    def listen(self) -> None:
        """Takes the answers, until the supervisor is no more or has ended this."""
        while (messages := self._channel.receive(None)) is not None:
            for message in messages:
                if message.kind is Kind.END:
                    return
                if message.kind is Kind.LOGS:
                    self._logs.take(message.facts["logs"], message.descriptors)
                else:
                    self._take(ServerStatus.from_facts(message.facts))

    def _take(self, status: ServerStatus) -> None:
        with self._changed:
            self._status = status
            self._answers += 1
            self._asked_at = None
            self._changed.notify_all()
