"""Which worker has which name of `uncork.once`: what the supervisor knows of it.

A name is one worker's until that process has been reaped, so two never have it. Then it goes to
one that waits for it, of the newest code there is; one that is about to end gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from uncork.supervisor.channel import Kind, Message
from uncork.supervisor.worker_handle import WorkerHandle


class Elections:
    """The names, who has them and who waits for them.

    Args:
        workers: All that there are.
        send: Sends a message to the worker of that process id.
    """

    def __init__(
        self,
        workers: Callable[[], Iterable[WorkerHandle]],
        send: Callable[[int, Message], object],
    ) -> None:
        self._workers = workers
        self._send = send
        self._holders: dict[str, WorkerHandle] = {}
        self._waiting: dict[str, list[int]] = {}

    def on_asked(self, pid: int, facts: Mapping[str, Any]) -> None:
        """A worker asks for a name, and may wait for it.

        Raises:
            LookupError: Those are not the facts of a question, or there is no such worker.
        """
        name, waits = str(facts["name"]), bool(facts["waits"])
        workers = {each.pid: each for each in self._workers()}
        worker = workers[pid]
        holder = self._holders.get(name)
        if holder is not None and holder.pid not in workers:
            holder = None  # it is there, but no worker any more
        if holder is None and worker.is_wanted:
            holder = self._holders[name] = worker
        is_elected = holder is not None and holder.pid == pid
        if waits and not is_elected:
            self._waiting.setdefault(name, []).append(pid)
        is_older = holder is not None and holder.generation < worker.generation
        answer = {"name": name, "is_elected": is_elected, "is_older": is_older}
        self._send(pid, Message(Kind.ELECTED, {**answer, "question": facts["question"]}))

    def on_death(self, pid: int) -> None:
        """A worker was reaped: what it had is somebody else's now."""
        for waiting in self._waiting.values():
            while pid in waiting:
                waiting.remove(pid)
        for name in [name for name, holder in self._holders.items() if holder.pid == pid]:
            del self._holders[name]
            self._elect(name)

    def hand_over(self) -> dict[str, list[int]]:
        """Who has each name, and behind it who waits for it: for the supervisor after this one."""
        return {
            name: [holder.pid, *self._waiting.get(name, ())]
            for name, holder in self._holders.items()
        }

    def take_over(self, names: Mapping[str, Sequence[int]]) -> None:
        """Goes on with what `hand_over` gave; a holder that is no worker any more has nothing."""
        workers = {each.pid: each for each in self._workers()}
        for name, (holder, *waiting) in names.items():
            if holder in workers:
                self._holders[name] = workers[holder]
                self._waiting[name] = waiting

    def _elect(self, name: str) -> None:
        waiting = self._waiting.get(name, [])
        candidates = [each for each in self._workers() if each.pid in waiting and each.is_wanted]
        if not candidates:
            return
        # The first of them is the one that has waited for longest.
        candidates.sort(key=lambda each: (-each.generation, waiting.index(each.pid)))
        elected = self._holders[name] = candidates[0]
        waiting.remove(elected.pid)
        facts = {"name": name, "is_elected": True, "is_older": False, "question": None}
        self._send(elected.pid, Message(Kind.ELECTED, facts))
