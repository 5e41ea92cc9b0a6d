"""The worker's end of the channel: gets listeners, and learns when the supervisor is no more.

A thread reads, since the main thread may be anywhere in the user's code. The end of the channel
is to the worker what TERM is: it finishes what runs and ends, so that no worker outlives its
supervisor.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from uncork.errors import UncorkError
from uncork.supervisor.candidate import candidate_of_this_process
from uncork.supervisor.certificates import Identity
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.error_facts import error_from_facts, facts_of_error
from uncork.supervisor.scoreboard import BoardRow
from uncork.supervisor.thread_stacks import offer_dumps, thread_stacks
from uncork.supervisor.worker_logs import WorkerLogs


@dataclass(frozen=True)
class Loaded:
    """What the supervisor is told of an app that was found.

    Attributes:
        name: As in `hello:app`.
        origin: Where it is from, for the banner.
        binds: Where to listen, if nobody does yet; as `--bind` takes it.
        certificate: A path, `adhoc`, or `None` for no TLS.
        key: A path.
        one_worker_reason: Why the app can't be spread over several processes; `None`: it can.
        memory_bytes: How much the process takes by now; `None`: it can't be known.
        may_be_template: Whether workers may be forked from this process.
        failure: Why something else is served in the place of the app; `None`: it was loaded.
    """

    name: str
    origin: str
    version: str
    binds: Sequence[str]
    certificate: str | None
    key: str | None
    one_worker_reason: str | None
    memory_bytes: int | None
    may_be_template: bool
    failure: str | None = None


@dataclass(frozen=True)
class Grant:
    """What a worker serves with; the descriptors are its own.

    Attributes:
        is_on_trial: Older code would go on serving if this does not do.
    """

    descriptors: Sequence[int]
    identity: Identity | None
    is_multiprocess: bool
    is_on_trial: bool

    def close(self) -> None:
        """Closes the descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class SupervisorLink:
    """The supervisor, as a worker knows it.

    Args:
        channel: The worker's end.
        wake: Wakes the main thread when there is an answer.
        scoreboard: Where to show what the worker does, if anywhere.

    Attributes:
        candidate: This worker in the elections of `uncork.once`.
        logs: Where to log; there when the answer is.
        hear_desk: Called with what the supervisor's side of a desk tells.
    """

    def __init__(
        self, channel: Channel, wake: Callable[[], None], scoreboard: BoardRow | None = None
    ) -> None:
        self.candidate = candidate_of_this_process(self.send)
        self.scoreboard = scoreboard
        self._channel = channel
        self._wake = wake
        self._sending = threading.Lock()
        self.logs = WorkerLogs()
        self.hear_desk: Callable[[Mapping[str, Any]], None] | None = None
        self._dumps: int | None = None
        self._answers: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._read, name="uncork-supervisor-link", daemon=True
        )
        self._thread.start()

    @property
    def thread_id(self) -> int | None:
        """The native id of the thread that reads."""
        return self._thread.native_id

    def ask_for_listeners(self, loaded: Loaded) -> None:
        """Asks for what to serve with; `answer` gives it when it has come."""
        self.send(Message(Kind.LOADED, vars(loaded)))

    def answer(self) -> Grant | Literal[Kind.TEMPLATE] | None:
        """What was asked for; `None` if it has not come yet.

        `Kind.TEMPLATE` instead: this process is to be the template; see `let_go`.

        Raises:
            UncorkError: It can't be had.
        """
        try:
            message = self._answers.get_nowait()
        except queue.Empty:
            return None
        if message.kind is Kind.REFUSED:
            raise error_from_facts(message.facts)
        if message.kind is Kind.TEMPLATE:
            return Kind.TEMPLATE
        pem = [message.facts[name] for name in ("certificate", "key")]
        identity = Identity(pem[0].encode(), pem[1].encode()) if all(pem) else None
        facts = message.facts
        return Grant(message.descriptors, identity, facts["is_multiprocess"], facts["is_on_trial"])

    def say_ready(self) -> None:
        """Tells the supervisor that the worker serves."""
        self.send(Message(Kind.READY))

    def say_failed(self, error: UncorkError) -> None:
        """Tells the supervisor why the worker ends without having served."""
        self.send(Message(Kind.FAILED, facts_of_error(error)))

    def say_answered(self) -> None:
        """Tells the supervisor that there is nothing to serve, and that nothing is wrong."""
        self.send(Message(Kind.ANSWERED))

    def tell_supervisor(self, facts: Mapping[str, Any]) -> bool:
        """Whether something of a desk's own went out; for any thread."""
        return self.send(Message(Kind.DESK, facts))

    def offer_dumps(self) -> bool:
        """Has the supervisor able to see where the threads are when nothing here can tell it.

        Whether the system has what that takes.
        """
        self._dumps = offer_dumps()
        if self._dumps is not None:
            self.send(Message(Kind.DUMPS_INTO, descriptors=(self._dumps,)))
        return self._dumps is not None

    def send(self, message: Message) -> bool:
        """Sends a message; for any thread."""
        with self._sending:  # threads of uncork's own send too
            return self._channel.send(message)

    def forget_dumps(self) -> None:
        """Closes the file for them: a process that was forked from this one has another one."""
        if self._dumps is not None:
            os.close(self._dumps)

    def let_go(self) -> Channel:
        """The channel, which nobody reads any more: `Kind.TEMPLATE` was the last answer."""
        self._thread.join()
        return self._channel

    def _read(self) -> None:
        while (messages := self._channel.receive(None)) is not None:
            for message in messages:
                if message.kind is Kind.STACKS_WANTED:
                    self.send(Message(Kind.STACKS, {"threads": thread_stacks()}))
                elif message.kind is Kind.ELECTED:
                    self.candidate.hear(message.facts)
                elif message.kind is Kind.LOGS:
                    self.logs.take(message.facts["logs"], message.descriptors)
                elif message.kind is Kind.DESK:
                    if self.hear_desk is not None:
                        self.hear_desk(message.facts)
                else:
                    self._answers.put(message)
                    self._wake()
            if any(message.kind is Kind.TEMPLATE for message in messages):
                return
        os.kill(os.getpid(), signal.SIGTERM)
