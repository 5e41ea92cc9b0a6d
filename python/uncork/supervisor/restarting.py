"""A restart (USR2): this process becomes another uncork, or another Python, and serves on.

The workers serve meanwhile, and so nobody waits. The program is tried first, as a process of its
own that only finds out whether it could go on; one that can't changes nothing. What it does when
it is this process's program, `Supervision.take_over` tells: new workers, beside the old ones.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from uncork import console
from uncork.errors import EnvironmentProblem
from uncork.settings import HandoverVariable, Surroundings
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import become_program, start_program
from uncork.supervisor.handover import Handover
from uncork.supervisor.supervisor_signals import SupervisorSignals, hear_from_here

_CHECK_SECONDS = 30.0


class Restartable(Protocol):
    """What of the supervisor takes part."""

    def why_not_restart(self) -> str | None:
        """Why this is no time for a restart, or `None`."""

    def is_settled(self) -> bool:
        """Whether nothing is under way that a restart would break off."""

    def hand_over(self) -> Handover:
        """What the next program goes on with."""


class Restarting(Duty):
    """Restarts the server when that is asked for.

    Args:
        surroundings: What this process was started with.
        server: What is handed over.
        signals: Held meanwhile, so that the next program hears them.
    """

    def __init__(
        self, surroundings: Surroundings, server: Restartable, signals: SupervisorSignals
    ) -> None:
        self._surroundings = surroundings
        self._server = server
        self._signals = signals
        self._process = os.getpid()
        self._check: int | None = None
        self._check_until = 0.0
        self._is_checked = False

    def ask(self) -> None:
        """Begins a restart, unless one is under way."""
        if self._check is not None or self._is_checked:
            return
        if (why := self._server.why_not_restart()) is not None:
            console.note(f"no restart (USR2): {why}")
            return
        console.say("restarting: the program is tried first")
        try:
            self._check = start_program(_command(), self._environ("check"))
        except OSError as error:
            self._give_up((error.strerror or str(error)).lower())
            return
        self._check_until = time.monotonic() + _CHECK_SECONDS

    def next_deadline(self) -> float | None:
        """When the check has had its time."""
        return None if self._check is None else self._check_until

    def on_time(self, now: float) -> None:
        """Ends a check that hangs, and becomes the program when all is ready for it."""
        if self._check is not None and now >= self._check_until:
            self._check_until = now + _CHECK_SECONDS
            with suppress(ProcessLookupError):
                os.kill(self._check, signal.SIGKILL)
        if not self._is_checked:
            return
        if self._server.why_not_restart() is not None:
            self._is_checked = False
        elif self._server.is_settled() and self._signals.hold():
            self._is_checked = False
            self._become()

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Hears how the check has ended."""
        del now
        if pid != self._check:
            return False
        self._check = None
        if death.exit_code == 0:
            self._is_checked = True
        else:
            self._give_up(f"the program, started to try it, {death.text}")
        return True

    def close(self) -> None:
        """Ends a check that is under way; in a worker, which has none, nothing."""
        if self._check is None or os.getpid() != self._process:
            return
        with suppress(OSError):
            os.kill(self._check, signal.SIGKILL)
            os.waitpid(self._check, 0)
        self._check = None

    def _become(self) -> None:
        environ = self._environ("go on")
        descriptors = [*self._server.hand_over().descriptors, *self._passed()]
        try:
            become_program(_command(), environ, descriptors)
        except OSError as error:
            hear_from_here()
            self._give_up((error.strerror or str(error)).lower())

    def _environ(self, purpose: str) -> dict[str, str]:
        state = self._server.hand_over().as_text()
        variable = HandoverVariable("check" if purpose == "check" else "go on", os.getpid(), state)
        return self._surroundings.environ_to_start_with(variable)

    def _passed(self) -> list[int]:
        """Listeners of a service manager's, of which some may be used from the next time on."""
        found = []
        for descriptor in self._surroundings.service.descriptors:
            with suppress(OSError):
                os.fstat(descriptor)
                found.append(descriptor)
        return found

    def _give_up(self, cause: str) -> None:
        console.fail(
            EnvironmentProblem(
                "the restart failed, and nothing has changed: what ran before goes on",
                cause=cause,
                hints=("mend it, and restart again",),
            )
        )


def _command() -> Sequence[str]:
    """How this process was started, by the interpreter that is at the same place by now."""
    return [sys.executable, *sys.orig_argv[1:]]
