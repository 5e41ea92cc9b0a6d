"""A worker's side of `uncork.once`: asks the supervisor, and calls what waits for an election."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from uncork import console
from uncork.election import ELECTIONS
from uncork.errors import AppError
from uncork.hooks import HOOKS
from uncork.supervisor.app_traceback import app_traceback
from uncork.supervisor.channel import Kind, Message

# The supervisor answers within a millisecond; one that does not is about to end.
_ANSWER_SECONDS = 5.0


def candidate_of_this_process(send: Callable[[Message], bool]) -> Candidate:
    """The one that there is, or a new one; from now on it speaks through `send`.

    What was asked for before a fork, such as by the app when it was loaded, is asked for still.
    """
    arbiter = ELECTIONS.arbiter
    if not isinstance(arbiter, Candidate):
        ELECTIONS.arbiter = arbiter = Candidate()
    arbiter.speak_through(send)
    return arbiter


class Candidate:
    """This worker in all elections; the arbiter of `uncork.once`. For any thread."""

    def __init__(self) -> None:
        self._send: Callable[[Message], bool] = lambda _: False
        self._process = 0
        self._lock = threading.Lock()
        self._has_begun = False
        self._held: set[str] = set()
        self._functions: dict[str, list[Callable[[], object]]] = {}
        self._questions = 0
        self._answers: dict[int, queue.SimpleQueue[Mapping[str, Any]]] = {}

    def speak_through(self, send: Callable[[Message], bool]) -> None:
        """Sends messages to the supervisor in that way, from this process."""
        self._send = send
        if self._process != os.getpid():
            self._process = os.getpid()
            self._held.clear()

    def is_elected(self, name: str) -> bool:
        """Whether this worker has the name, or gets it now; waits for the supervisor."""
        if os.getpid() != self._process:
            return False  # a process that the app has forked
        if name in self._held:
            return True
        answer: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        with self._lock:
            self._questions += 1
            question = self._questions
            self._answers[question] = answer
        self._ask(name, question, waits=False)
        try:
            facts = answer.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            return False
        finally:
            with self._lock:
                del self._answers[question]
        if facts["is_older"] and not HOOKS.has_started:
            console.warn(
                f'`uncork.once("{name}")` was asked while the app is loaded: the worker that has '
                "the name is of the old code and will end, and then nobody asks again; put it "
                "before a function, as a decorator"
            )
        return bool(facts["is_elected"])

    def stand_for(self, name: str, function: Callable[[], object]) -> None:
        """Has `function` called when this worker gets the name; not before it serves."""
        if os.getpid() != self._process and self._has_begun:
            return
        with self._lock:
            functions = self._functions.setdefault(name, [])
            functions.append(function)
            is_held, is_first = name in self._held, len(functions) == 1
        if is_held:
            self._call(name, function)
        elif is_first and self._has_begun:
            self._ask(name, None, waits=True)

    def begin(self) -> None:
        """The worker serves: from now on it stands for what its app has asked it to."""
        with self._lock:
            self._has_begun = True
            names = list(self._functions)
        for name in names:
            self._ask(name, None, waits=True)

    def hear(self, facts: Mapping[str, Any]) -> None:
        """The supervisor has answered, or has elected this worker."""
        name = facts["name"]
        with self._lock:
            is_new = bool(facts["is_elected"]) and name not in self._held
            functions = list(self._functions.get(name, ())) if is_new else []
            if is_new:
                self._held.add(name)
            answer = self._answers.get(facts["question"])
        if answer is not None:
            answer.put(facts)
        for function in functions:
            self._call(name, function)

    def _ask(self, name: str, question: int | None, *, waits: bool) -> None:
        self._send(Message(Kind.ONCE, {"name": name, "waits": waits, "question": question}))

    def _call(self, name: str, function: Callable[[], object]) -> None:
        def call() -> None:
            try:
                function()
            except BaseException as error:
                console.fail(
                    AppError(
                        f"`uncork.once({name!r})` failed with `{type(error).__name__}`",
                        details=app_traceback(error),
                    )
                )

        threading.Thread(target=call, name=f"uncork-once-{name}", daemon=True).start()
