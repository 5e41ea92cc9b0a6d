"""Signals as actions, written once in one table.

A handler does next to nothing. While uncork serves, the C half of Python's handlers writes
the number into a pipe whichever thread the signal reaches, and the main thread waits at the
other end. While the user's code runs in the main thread, before serving and after it, a stop
is raised there as `StopAsked`; a watcher at the same pipe ends the process if that code does
not come to an end (a call into C that waits for a database hears of no signal).
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from types import FrameType, TracebackType
from typing import Any, Self


class Action(Enum):
    """What a signal asks for."""

    DRAIN = "drain and stop"
    STOP = "stop at once"
    RELOAD = "reload"
    REOPEN_LOGS = "reopen the logs"
    RESTART = "restart"
    MORE = "one worker more"
    FEWER = "one worker fewer"
    WOKEN = "look again"  # nobody asked for anything; see `wake`


ACTIONS: dict[int, Action] = {
    signal.SIGTERM: Action.DRAIN,
    signal.SIGINT: Action.DRAIN,
    signal.SIGQUIT: Action.STOP,
    signal.SIGHUP: Action.RELOAD,
    signal.SIGUSR1: Action.REOPEN_LOGS,
    signal.SIGUSR2: Action.RESTART,
    signal.SIGTTIN: Action.MORE,
    signal.SIGTTOU: Action.FEWER,
}
# Ctrl+C and its like go to a whole group of processes; what is to come of it, the supervisor
# decides, and then asks each worker with one of these.
WORKER_ACTIONS: dict[int, Action] = {
    signal.SIGTERM: Action.DRAIN,
    signal.SIGQUIT: Action.STOP,
}
_WAKE = 0  # no signal has this number
# One Ctrl+C may come twice: from the terminal, and from a wrapper that passes it on, as `timeout`
# does. Nobody presses it again that fast and means something else by it.
_REPEAT_SECONDS = 0.5


class StopAsked(KeyboardInterrupt):
    """Raised in the user's code when it runs while a stop is asked for."""


class SignalActions:
    """Turns signals into actions while its `with` block runs; main thread only.

    Args:
        end_now: Ends the process, from any thread, without waiting for anything. Called when
            a stop is asked for outside of `serving` and the user's code goes on regardless.
        actions: What is asked for by which signal; the others of `ACTIONS` come to nothing.
        patience_seconds: How long that code has.
        repeat_seconds: For how long the same signal again is the same wish to stop.
        is_last: Whether the process ends soon after its `with` block.
    """

    def __init__(
        self,
        end_now: Callable[[], Any],
        *,
        actions: Mapping[int, Action] = ACTIONS,
        patience_seconds: float = 3.0,
        repeat_seconds: float = _REPEAT_SECONDS,
        is_last: bool = True,
    ) -> None:
        self._end_now = end_now
        self._actions = actions
        self._patience_seconds = patience_seconds
        self._is_last = is_last
        self._is_raising = False
        # Apart from each other: outside of `serving`, a signal goes through both, in any order.
        self._read_stops = Stops(repeat_seconds)
        self._raised_stops = Stops(repeat_seconds)
        self._is_installed = False
        self._masks = threading.local()
        self._is_watching = False
        self._has_raised = False
        self._stops = 0
        self._watcher: threading.Thread | None = None

    @property
    def is_stop_asked(self) -> bool:
        """Whether a stop of either kind was asked for so far."""
        return self._stops > 0 or self._has_raised

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_fork_in_parent,
            after_in_child=self._after_fork_in_child,
        )
        self._before = self._install()
        self._is_installed = True
        self._start_watcher()
        self._is_raising = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_raising = False
        self._stop_watcher()
        if self._is_last:
            self._ignore_repeated()
        self._restore(self._before)
        self._is_installed = False
        reader, writer = self._reader, self._writer
        self._reader = self._writer = -1
        os.close(reader)
        os.close(writer)

    @contextmanager
    def serving(self) -> Iterator[list[str]]:
        """Puts uncork's handlers in the place of those that the user's code has installed.

        Gives the names of the signals whose handlers of the user's are not called meanwhile;
        they are put back at the end.
        """
        self._stop_watcher()
        self._is_raising = False
        before = self._install()
        try:
            yield [
                signal.Signals(number).name
                for number, handler in before[1].items()
                if self._is_foreign(handler)
            ]
        finally:
            self._restore(before)
            self._start_watcher()
            self._is_raising = True

    @contextmanager
    def raising(self) -> Iterator[None]:
        """In `serving`: a stop is raised in the user's code that runs here, as outside of it."""
        self._start_watcher()
        self._is_raising = True
        try:
            self._raise_what_was_asked()  # before it was raising
            yield
        finally:
            # In this order: a stop that is raised here would leave the watcher behind.
            self._is_raising = False
            self._stop_watcher()
        # What the watcher has read is raised, the rest is left for `wait`.
        self._raise_what_was_asked()

    def wait(self, timeout_seconds: float | None) -> Action | None:
        """The next action, or `None` when the time is over; to be called in `serving`.

        The second `DRAIN` comes as `STOP`.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            number = self._read(left)
            if number is None:
                return None
            if number == _WAKE:
                return Action.WOKEN
            action = self._action(number)
            if action in (Action.DRAIN, Action.STOP):
                self._raised_stops.count(number)  # need not be raised once serving has ended
            if action is not None:
                return action

    def fileno(self) -> int:
        """Readable when `wait` has something to return."""
        return self._reader

    def begin_again(self) -> None:
        """In a process that was forked in `serving` and goes on with it: hears its own signals.

        To be called before the signals are let in; the pipe of the process that was forked from
        is replaced in place, since its numbers are known to whoever puts handlers back.
        """
        for own, descriptor in zip(os.pipe(), (self._reader, self._writer), strict=True):
            os.dup2(own, descriptor, inheritable=False)
            os.close(own)
            os.set_blocking(descriptor, False)
        self._install()
        self._is_installed = True

    def wake(self) -> None:
        """Makes `wait` return `WOKEN`; for any thread, at any time."""
        with suppress(OSError):  # full: whoever reads is awake; closed: nobody reads
            os.write(self._writer, bytes([_WAKE]))

    def _raise_what_was_asked(self) -> None:
        if self.is_stop_asked:
            raise StopAsked

    def _action(self, number: int) -> Action | None:
        """The action of a signal; `None` for one that asks for nothing new."""
        action = self._actions.get(number)
        if action in (Action.DRAIN, Action.STOP):
            if not self._read_stops.count(number):
                return None
            self._stops += 1
            return Action.STOP if self._stops > 1 else action
        return action

    def _read(self, timeout_seconds: float | None) -> int | None:
        """One number from the pipe; one at a time, so that none is lost between two readers."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        milliseconds = None if timeout_seconds is None else timeout_seconds * 1000
        if not poll.poll(milliseconds):
            return None
        try:
            return os.read(self._reader, 1)[0]
        except BlockingIOError:
            return _WAKE

    def _install(self) -> tuple[int, dict[int, Any]]:
        before = {number: signal.signal(number, self._handle) for number in ACTIONS}
        return signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False), before

    def _restore(self, before: tuple[int, dict[int, Any]]) -> None:
        descriptor, handlers = before
        for number, handler in handlers.items():
            # `None`: installed by C code, such as `faulthandler`; Python can't put it back.
            if handler is not None:
                signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor)

    def _ignore_repeated(self) -> None:
        """Leaves a signal that was just heard ignored: again, it would kill the interpreter.

        What comes now is its end, which takes some 20 ms; a shell would be told of a failure.
        The handler from before is never put back in between, for one that comes meanwhile.
        """
        _, handlers = self._before
        for number in ACTIONS:
            if number not in self._actions or self._read_stops.is_recent(number):
                signal.signal(number, signal.SIG_IGN)
                handlers.pop(number, None)

    def _is_foreign(self, handler: object) -> bool:
        return callable(handler) and handler not in (self._handle, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if not self._is_raising or self._actions.get(number) is not Action.DRAIN:
            return
        if not self._raised_stops.count(number):
            return
        self._has_raised = True
        raise StopAsked

    # A process that the app forks gets the handlers from before uncork's: it has to end on its
    # own TERM, and must not write that into the pipe of this process. Until they are in place
    # the signals wait. There is no unregistering these hooks, so they look whether they apply.

    def _before_fork(self) -> None:
        if self._is_installed:
            self._masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, ACTIONS)

    def _after_fork_in_parent(self) -> None:
        mask = self._masks.__dict__.pop("before", None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _after_fork_in_child(self) -> None:
        if self._is_installed:
            self._is_installed = False
            self._restore(self._before)
        self._after_fork_in_parent()

    def _start_watcher(self) -> None:
        # Not while a stop may be raised: it would leave a thread that can't be joined.
        self._is_watching = True
        self._watcher = threading.Thread(
            target=self._watch, name="uncork-signal-watcher", daemon=True
        )
        self._watcher.start()

    def _stop_watcher(self) -> None:
        if self._watcher is not None:
            self._is_watching = False
            self.wake()
            self._watcher.join()
            self._watcher = None

    def _watch(self) -> None:
        left = self._patience_seconds if self.is_stop_asked else None
        while True:
            number = self._read(left)
            if number == _WAKE:
                if not self._is_watching:
                    return
                continue
            # The user's code may have a handler of its own by now; then the signal is its.
            is_ours = number is not None and signal.getsignal(number) == self._handle
            action = self._action(number) if number is not None and is_ours else None
            if number is None or action is Action.STOP:
                self._end_now()
                return
            if action is Action.DRAIN:
                left = self._patience_seconds


class Stops:
    """When each signal that asks for a stop was counted."""

    def __init__(self, repeat_seconds: float = _REPEAT_SECONDS) -> None:
        self._repeat_seconds = repeat_seconds
        self._counted: dict[int, float] = {}

    def count(self, number: int) -> bool:
        """Whether this one counts: it is not the one before, come twice."""
        if self.is_recent(number):
            return False
        self._counted[number] = time.monotonic()
        return True

    def is_recent(self, number: int) -> bool:
        """Whether the signal counted a moment ago."""
        counted = self._counted.get(number)
        return counted is not None and time.monotonic() - counted < self._repeat_seconds
