"""The supervisor of a development server: the loop of every server, with other habits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from uncork import console
from uncork.dev.fleet import DevFleet
from uncork.dev.preparing import Preparing
from uncork.errors import EnvironmentProblem, UncorkError
from uncork.supervisor.banner import places_of
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.fleet import Fleet, Generation
from uncork.supervisor.forking import Post, fork_worker
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.supervision import Supervision
from uncork.supervisor.supervisor_signals import SupervisorSignals
from uncork.supervisor.worker_handle import State
from uncork.supervisor.worker_process import Plan

# Who has pressed Ctrl+C waits for it.
_PATIENCE_SECONDS = 2.0


class DevSupervision(Supervision):
    """See `Supervision`; never ends because of the app.

    Args:
        plan: What to serve at first.
        plan_again: Reads settings and environment anew.
        signals: To be entered by the caller, as are the listeners.
        listeners: Where to listen.
        duties: What else there is to attend to.

    Attributes:
        preparing: Starts workers in less time, where it can.
    """

    def __init__(
        self,
        plan: Plan,
        plan_again: Callable[[], Plan],
        signals: SupervisorSignals,
        listeners: Listeners,
        duties: Sequence[Duty] = (),
    ) -> None:
        super().__init__(plan, plan_again, signals, listeners, duties)
        self.preparing: Preparing | None = None
        self._plan_again = plan_again
        self._listeners = listeners
        self._stopping.patience_seconds = _PATIENCE_SECONDS
        self._errors: dict[int, UncorkError] = {}
        self._answered: set[int] = set()
        self._spawning.make = self._fork

    @property
    def url(self) -> str | None:
        """Where the app is, once it is listened; without what a place has to say beside."""
        places = self.places
        return places[0].partition(" ")[0] if places else None

    @property
    def places(self) -> list[str]:
        """All of the places where the app is."""
        loaded = self._granting.loaded
        is_tls = loaded is not None and loaded["certificate"] is not None
        return places_of(self._listeners, is_tls=is_tls, for_this_machine=True)

    @property
    def loaded(self) -> Mapping[str, Any]:
        """What the worker has told of the app, as `Kind.LOADED` has it."""
        return self._granting.loaded or {}

    def make_fleet(self, first: Generation) -> Fleet:
        """Who decides which workers there are."""
        return DevFleet(first, self, Respawning())

    def say_ready(self) -> None:
        """Nothing: what there is to say of the app, its worker tells a moment later."""

    def reload(self) -> int:
        """Begins to load the code and the settings anew; the number of the new generation.

        Raises:
            EnvironmentProblem: The server was asked to stop.
            UncorkError: The settings can't be read; that has been told.
        """
        if self._stopping.is_asked:
            raise EnvironmentProblem("nothing was reloaded", cause="the server was asked to stop")
        try:
            plan = self._plan_again()
        except UncorkError as error:
            console.fail(error)
            console.note("the app goes on as it is, until the settings are mended")
            raise
        return self._load(plan)

    def reload_as_told(self) -> None:
        """Loads the code anew, unless the server is about to stop."""
        try:
            self.reload()
        except UncorkError:
            return  # which has been told, or is none of anybody's business any more

    def note_failure(self, pid: int, error: UncorkError) -> None:
        """What is wrong with a worker that can't say it itself."""
        if any(worker.pid == pid for worker in self.fleet.workers):
            self._errors[self.fleet.generation_of(pid)] = error

    def died_loading(self, generation: int, death: Death) -> bool:
        """Has another worker say how one died that had not served yet."""
        if self._stopping.is_asked or generation not in self.plans.numbers:
            return False
        plan = self.plans.of(generation)
        if plan.died is not None:
            return False  # it was no code of the app's that it died of
        error = self._errors.pop(generation, None)
        if generation in self._answered:
            if not self.fleet.has_served:
                return False  # the script has only answered its `--help` or the like
            text = "The script has come to its end, and has not started a server."
            console.warn("the script has ended, and has not started a server; mend it, and save")
        elif error is not None:
            # The worker has told all of it on the terminal.
            text = f"{error.what}: {error.cause}" if error.cause else error.what
        else:
            text = f"The worker {death.text} while it loaded the app."
            console.warn(f"the worker {death.text} while it loaded the app; mend it, and save")
        self._load(replace(plan, died=text))
        return True

    def on_answered(self, pid: int) -> None:
        """A worker's script has come to its end without a server."""
        self._answered.add(self.fleet.generation_of(pid))

    def excuse(self, pid: int) -> None:
        """Lets a worker that is loading the app take as long as it likes."""
        for worker in self.fleet.workers:
            if worker.pid == pid and worker.state is State.BOOTING:
                worker.deadline = None

    def tell_workers(self, facts: Mapping[str, Any]) -> None:
        """Tells the desk of the worker that serves."""
        for worker in self.fleet.workers:
            if worker.is_wanted:
                self.channels.tell(worker.pid, Message(Kind.DESK, facts))

    def _fork(self, post: Post) -> tuple[int, Channel]:
        plan = self.plans.of(post.generation)
        if self.preparing is not None and plan.died is None and plan.environ is not None:
            return self.preparing.spawn(post, plan.environ) or fork_worker(post)
        return fork_worker(post)

    def _load(self, plan: Plan) -> int:
        number = self.plans.add(plan)
        self.fleet.reload(self.plans.generation(number), time.monotonic())
        return number
