"""A reload, from what is read anew to what has become of it.

How the workers of two generations change places, the fleet decides.
"""

from __future__ import annotations

from collections.abc import Callable

from uncork import console
from uncork.errors import UncorkError
from uncork.supervisor.at_start import at_start, warn_of_changed
from uncork.supervisor.log_files import LogFiles
from uncork.supervisor.plans import Plans
from uncork.supervisor.reload_history import ReloadHistory
from uncork.supervisor.worker_process import Plan


class Reloading:
    """Plans new generations, and remembers why those fail that do.

    Args:
        plan_again: Reads the settings anew.
        plans: Gets what was read.
        logs: Opened here, for a new generation may log elsewhere.

    Attributes:
        history: What became of the last reloads.
    """

    def __init__(self, plan_again: Callable[[], Plan], plans: Plans, logs: LogFiles) -> None:
        self.history = ReloadHistory()
        self._plan_again = plan_again
        self._plans = plans
        self._logs = logs
        self._failures: dict[int, UncorkError] = {}

    def begin(self) -> int:
        """The number of a new generation, which is to be tried.

        Raises:
            UncorkError: The settings can't be read; that has been told.
        """
        try:
            plan = self._plan_again()
            self._logs.open_access_log(plan.resolved.values.access_log)
        except UncorkError as error:
            console.fail(error)
            console.warn("the reload failed, and nothing has changed: the settings can't be read")
            self.history.refused(error)
            raise
        warn_of_changed(at_start(self._plans.settings), plan.resolved.values, "reload")
        number = self._plans.add(plan)
        console.say(f"reloading: generation {number} is tried beside the one that serves")
        self.history.began(number)
        return number

    def note_failure(self, generation: int, error: UncorkError) -> None:
        """Why a worker of a generation will not serve, by what is known of it before it ends."""
        self._failures[generation] = error

    def serves(self, generation: int) -> None:
        """The generation that was tried serves, though not yet with all its workers."""
        self._plans.take_effect(generation)

    def failed(self, generation: int, error: UncorkError) -> None:
        """The generation that was tried was given up."""
        # What its worker has said of it is worth more than how that one ended.
        self.history.failed(generation, self._failures.pop(generation, error))
        self._plans.give_up(generation)
