"""The life of a template: a process that has loaded the app once, and that workers are forked from.

It has one thread, in which it waits for what the supervisor wants. It serves nothing, and it ends
without a word to the app: the code behind the script's `app.run()` and the `atexit` functions are
for the workers.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
from dataclasses import replace
from typing import Any

from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.forking import Post, fork_sibling
from uncork.supervisor.memory import shared_with_parent
from uncork.supervisor.signals import ACTIONS, Action, SignalActions
from uncork.supervisor.worker_logs import WorkerLogs

_BLOCKED = (*ACTIONS, signal.SIGCHLD)


class Template:
    """This process, from now on; in the main thread, inside `SignalActions.serving`.

    Args:
        post: What this process is until now, and then its workers are, but for what differs.
        channel: To the supervisor; nobody else reads it.
        signals: What may end it.
    """

    def __init__(self, post: Post, channel: Channel, signals: SignalActions) -> None:
        self._post = replace(post, is_first=False, may_become_template=False)
        self._channel = channel
        self._signals = signals
        self._child_handler: Any = None
        self._logs = WorkerLogs()

    def run(self) -> tuple[Post, Channel]:
        """Returns in each worker that is forked: what it is, and its own end of its channel.

        The template itself ends in here.
        """
        try:
            self._settle()
            while True:
                for message in self._wanted():
                    if channel := self._fork(message):
                        return replace(self._post, **message.facts), channel
        except BaseException:
            # Deliberately not: a word. The supervisor tells that there is no template any more.
            os._exit(1)

    def _settle(self) -> None:
        # An app's own would be called for the processes between the forks.
        self._child_handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        gc.collect()
        # What the collector never looks at again, it does not write to, and so stays shared.
        gc.freeze()
        self._channel.send(Message(Kind.PRELOADED, {"from_supervisor": shared_with_parent()}))

    def _wanted(self) -> list[Message]:
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._signals, select.POLLIN)
        poll.poll()
        while action := self._signals.wait(0):
            if action in (Action.DRAIN, Action.STOP):
                os._exit(0)
        messages = self._channel.receive()
        if messages is None:
            os._exit(0)  # the supervisor is no more
        for message in messages:
            if message.kind is Kind.LOGS:
                self._logs.take(message.facts["logs"], message.descriptors)
                self._logs.close()
        return [message for message in messages if message.kind is Kind.FORK]

    def _fork(self, message: Message) -> Channel | None:
        """The worker's end of its channel, in the worker; `None` in the template."""
        (descriptor,) = message.descriptors
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        answer: dict[str, int | None]
        try:
            pid = fork_sibling()
        except OSError as error:
            answer = {"errno": error.errno}
        else:
            if not pid:
                self._channel.close()
                self._signals.begin_again()
                if self._child_handler is not None:
                    signal.signal(signal.SIGCHLD, self._child_handler)
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                draw_other_numbers()
                return Channel.of_descriptor(descriptor)
            answer = {"pid": pid}
        os.close(descriptor)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._channel.send(Message(Kind.FORKED, answer))
        return None


def draw_other_numbers() -> None:
    """Has NumPy's generator differ from worker to worker, as CPython does with `random`."""
    numbers = sys.modules.get("numpy.random")
    if numbers is not None:
        numbers.seed()
