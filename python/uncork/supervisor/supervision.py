"""The supervisor's loop: hears signals, deaths and workers, and does what the fleet decides.

One thread, which sleeps in `poll`. Nothing of the app's code is ever here.
"""

from __future__ import annotations

import gc
import math
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from uncork import console
from uncork.errors import EnvironmentProblem, UncorkError
from uncork.supervisor.banner import Served, banner, places_of
from uncork.supervisor.channel import Kind, Message
from uncork.supervisor.deaths import ended_processes
from uncork.supervisor.duty import Duty
from uncork.supervisor.elections import Elections
from uncork.supervisor.error_facts import error_from_facts
from uncork.supervisor.fleet import Fleet, Generation
from uncork.supervisor.granting import Granting
from uncork.supervisor.handing_over import HandingOver
from uncork.supervisor.handover import Handover
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.log_files import LogFiles
from uncork.supervisor.plans import Plans
from uncork.supervisor.privileges import warn_of_root
from uncork.supervisor.reaping import Reaping
from uncork.supervisor.reloading import Reloading
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.restarting import Restarting
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.signals import Action
from uncork.supervisor.spawning import Spawning
from uncork.supervisor.status import ServerStatus
from uncork.supervisor.status_report import Described, Start, server_status
from uncork.supervisor.stopping import Stopping
from uncork.supervisor.supervisor_signals import SupervisorSignals
from uncork.supervisor.templates import Templates
from uncork.supervisor.titles import show_supervisor
from uncork.supervisor.worker_channels import WorkerChannels
from uncork.supervisor.worker_process import Plan

_OWN = "app"
"""The name of the app's listeners among all that are handed over."""


class Supervision:
    """One server: its listeners, its workers and their generations, for a `with` block.

    Args:
        plan: What to serve at first.
        plan_again: Reads the settings anew, for a reload.
        signals: To be entered by the caller, as are the listeners.
        listeners: Where to listen; opened here when it is known.
        duties: What else there is to attend to; closed here.

    Attributes:
        plans: What each generation is started with.
        fleet: The workers.
        channels: Those to the workers.
        reloads: What became of the last reloads.
        scoreboard: Where each worker has a row.
        control: Where the control socket is; `None`: nowhere.
        restarting: What restarts the server; `None`: nothing does.
    """

    def __init__(
        self,
        plan: Plan,
        plan_again: Callable[[], Plan],
        signals: SupervisorSignals,
        listeners: Listeners,
        duties: Sequence[Duty] = (),
    ) -> None:
        self.plans = Plans(plan)
        # Room for more workers, and for old generations that take their time to end.
        self.scoreboard = Scoreboard.create(32 + 4 * self.plans.count_of(1).number)
        self.fleet = self.make_fleet(self.plans.generation(1))
        self.channels = WorkerChannels()
        self.control: str | None = None
        self.restarting: Restarting | None = None
        self._signals = signals
        self._listeners = listeners
        self._logs = LogFiles()
        self._reloading = Reloading(plan_again, self.plans, self._logs)
        self.reloads = self._reloading.history
        self._duties: list[Duty] = []
        self._stopping = Stopping(self.plans, self.fleet, listeners, self.reloads, self._duties)
        self._templates = Templates(self.plans)
        self._duties += [self._stopping, self._templates, *duties]
        self._spawning = Spawning(self.scoreboard, self.channels, self._templates)
        self._granting = Granting(self.plans, self.fleet, self._templates, listeners)
        self._elections = Elections(lambda: self.fleet.workers, self.channels.tell)
        self._reaping = Reaping(
            self.channels, self.scoreboard, self.fleet, self._elections, self._duties
        )
        self._start = Start.now()
        self._handing_over = HandingOver(
            plans=self.plans,
            fleet=self.fleet,
            channels=self.channels,
            granting=self._granting,
            scoreboard=self.scoreboard,
            elections=self._elections,
            reloads=self.reloads,
            start=self._start,
            listeners={_OWN: listeners},
        )
        self._was_taken_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # In a new worker too: the others would else never see the end of their channels.
        self.channels.close_all()
        for duty in self._duties:
            duty.close()
        self._logs.close()

    def make_fleet(self, first: Generation) -> Fleet:
        """Who decides which workers there are; called once."""
        return Fleet(first, self, Respawning())

    def attend_to(self, duty: Duty) -> None:
        """Takes on one thing more; closed here."""
        self._duties.append(duty)

    def hand_over_too(self, name: str, listeners: Listeners) -> None:
        """Has other listeners than the app's stay open at a restart as well."""
        self._handing_over.listeners[name] = listeners

    def run(self) -> int:
        """Serves until it is asked to stop; the exit code.

        Raises:
            UncorkError: The address can't be listened on, or a log can't be opened.
            InWorker: This is a new worker.
        """
        values = self.plans.settings
        self._logs.open_error_log(values.error_log)
        self._logs.open_access_log(values.access_log)
        show_supervisor(self.plans.of(self.plans.serving).spec.text)
        # What the workers' collectors never look at stays shared with this process.
        gc.freeze()
        if self._was_taken_over:
            self.reload_as_told()
        else:
            self._granting.bind_early()
            self.fleet.start(time.monotonic())
        while not (self.fleet.has_ended and all(duty.has_ended for duty in self._duties)):
            self._wait()
            for action in self._signals.heard():
                self.do(action)
            # What a worker said before it died comes before its death.
            for pid in self.channels.open_ones():
                self._listen_to(pid)
            # A template that ends by the same signal as the server is no news.
            self._templates.keep(self.fleet.generations)
            self._reaping.reap(ended_processes(), self._listen_to)
            now = time.monotonic()
            self.fleet.on_time(now)
            self._templates.keep(self.fleet.generations)
            for duty in self._duties:
                duty.on_time(now)
        self._say_how_it_ended()
        return self.fleet.exit_code

    # What the fleet asks for: see `fleet.Hands`.

    def spawn(self, generation: int, index: int, *, is_first: bool) -> int:
        """Starts a worker and returns its process id.

        Raises:
            EnvironmentProblem: The machine refuses.
        """
        return self._spawning.spawn(generation, index, is_first=is_first)

    def drain(self, pid: int) -> None:
        """Has a worker finish what runs, and end."""
        os.kill(pid, signal.SIGTERM)

    def stop(self, pid: int) -> None:
        """Has a worker end at once."""
        os.kill(pid, signal.SIGQUIT)

    def kill(self, pid: int) -> None:
        """Ends a worker that does not do it itself."""
        os.kill(pid, signal.SIGKILL)

    def dump(self, pid: int) -> None:
        """Has a worker say where each of its threads is, and die of it: see `faulthandler`."""
        os.kill(pid, signal.SIGABRT)

    def reload_ended(self, generation: int, *, error: UncorkError | None) -> None:
        """The generation that was coming now serves, or was given up for that error."""
        if error is None:
            self._reloading.serves(generation)
        else:
            self._reloading.failed(generation, error)
        self._granting.forget_old()
        if error is None or self._was_taken_over:
            # Behind a restart, the old generation goes on if the new one does not do.
            self._was_taken_over = False
            for duty in self._duties:
                duty.on_generation(self.plans.serving, time.monotonic())

    def took_over(self, generation: int) -> None:
        """All the workers of a new generation serve, and those before it go."""
        self.reloads.done(generation)

    # What may be asked of a server while it runs, by signals or in other ways.

    def status(self) -> ServerStatus:
        """The server as it is by now."""
        loaded = self._granting.loaded
        is_tls = loaded is not None and loaded["certificate"] is not None
        serving = self.plans.serving
        described = Described(
            app=self.plans.of(serving).spec.text,
            loaded=loaded,
            listeners=places_of(self._listeners, is_tls=is_tls),
            workers_reason=self.plans.count_by_now(self.fleet.wanted).reason,
            control=self.control,
            templates=self._templates.told,
        )
        now = time.monotonic()
        status = server_status(self.fleet, self.reloads, self._start, described, now)
        for duty in self._duties:
            status = duty.described(status, now)
        return status

    def do(self, action: Action) -> None:
        """Does what a signal asks for; why it can't be done, is told here."""
        now = time.monotonic()
        match action:
            case Action.DRAIN:
                if self._stopping.drain_soon(now):
                    self._signals.count_anew()
            case Action.STOP:
                self._stopping.stop(now)
            case Action.RELOAD:
                self.reload_as_told()
            case Action.MORE | Action.FEWER:
                self.fleet.resize(1 if action is Action.MORE else -1, now)
            case Action.RESTART:
                if self.restarting is not None:
                    self.restarting.ask()
            case Action.REOPEN_LOGS:
                self.reopen_logs()

    def reopen_logs(self) -> None:
        """Opens the files of logs anew, and has all the processes write there."""
        self._logs.reopen()
        for pid in self.channels:
            self._send_logs(pid)
        for duty in self._duties:
            duty.on_logs(self._logs.message(None))

    def end(self, *, at_once: bool) -> None:
        """Drains and ends, or ends at once."""
        self._signals.note_stop()
        self.do(Action.STOP if at_once else Action.DRAIN)

    def scale(self, workers: int) -> None:
        """Has so many workers from now on, until a reload reads the settings anew."""
        self.fleet.resize(workers - self.fleet.wanted, time.monotonic())

    def note_failure(self, pid: int, error: UncorkError) -> None:
        """What is wrong with a worker that can't say it itself, for whoever asked for a reload."""
        with suppress(LookupError):
            self._reloading.note_failure(self.fleet.generation_of(pid), error)

    # A restart: see `restarting.Restartable`.

    def why_not_restart(self) -> str | None:
        """Why this is no time for a restart, or `None`."""
        if self._stopping.is_asked:
            return "the server was asked to stop"
        return None if self.fleet.has_served else "the app is still being loaded"

    def is_settled(self) -> bool:
        """Whether nothing is under way that a restart would break off."""
        # One after the other: health is to be asked for until nothing else is waited for.
        return self.fleet.is_settled and all(duty.let_go() for duty in self._duties)

    def hand_over(self) -> Handover:
        """What the next program goes on with."""
        return self._handing_over.hand_over()

    def take_over(self, handover: Handover) -> None:
        """Goes on where an earlier program of this process was; `run` then loads the app anew."""
        self._was_taken_over = True
        self._handing_over.take_over(handover)

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        for channel in self.channels.open_ones().values():
            poll.register(channel, select.POLLIN)
        owners = {number: duty for duty in self._duties for number in duty.descriptors()}
        for descriptor in owners:
            poll.register(descriptor, select.POLLIN)
        deadlines = [self.fleet.next_deadline(), *(duty.next_deadline() for duty in self._duties)]
        deadline = min((at for at in deadlines if at is not None), default=None)
        timeout = None
        if deadline is not None:
            timeout = math.ceil(max(0.0, deadline - time.monotonic()) * 1000)
        for descriptor, _ in poll.poll(timeout):
            if owner := owners.get(descriptor):
                owner.on_readable(descriptor, time.monotonic())

    def reload_as_told(self) -> None:
        """Begins a reload that nobody waits for, or tells why this is not the time for it."""
        if self._stopping.is_asked:
            return
        if not self.fleet.has_served:
            console.note("reload (HUP): the app is still being loaded for the first time")
            return
        with suppress(UncorkError):
            self.reload()

    def reload(self) -> int:
        """Begins to try the code and the settings anew; the number of the new generation.

        What becomes of it, `reloads` has.

        Raises:
            EnvironmentProblem: This is not the time for it.
            UncorkError: The settings can't be read; that has been told.
        """
        is_ending = self._stopping.is_asked
        if is_ending or not self.fleet.has_served:
            raise EnvironmentProblem(
                "nothing was reloaded",
                cause="the server was asked to stop"
                if is_ending
                else "the app is still being loaded for the first time",
            )
        number = self._reloading.begin()
        self.fleet.reload(self.plans.generation(number), time.monotonic())
        return number

    def _listen_to(self, pid: int) -> None:
        for message in self.channels.receive(pid):
            now = time.monotonic()
            match message.kind:
                case Kind.LOADED:
                    self._on_loaded(pid, message)
                case Kind.PRELOADED:
                    self._templates.adopt(
                        self.fleet.generation_of(pid),
                        pid,
                        self.channels.remove(pid),
                        message.facts,
                    )
                    self._reaping.forget(pid)
                    self.fleet.on_preloaded(pid, now)
                    self._elections.on_death(pid)
                case Kind.READY:
                    is_first_ever = not self.fleet.has_served
                    self.fleet.on_ready(pid, now)
                    if is_first_ever:
                        self.say_ready()
                case Kind.ONCE:
                    with suppress(LookupError):
                        self._elections.on_asked(pid, message.facts)
                case Kind.FAILED:
                    with suppress(LookupError, TypeError, ValueError):
                        self.note_failure(pid, error_from_facts(message.facts))
                case _:
                    self._on_message_for_duties(pid, message, now)
            if not self.channels.is_open(pid):
                return  # it is no worker any more, or never was uncork

    def _on_loaded(self, pid: int, message: Message) -> None:
        try:
            answer = self._granting.answer(pid, message.facts)
        except (ValueError, LookupError, TypeError):
            self.channels.close(pid)  # that was not uncork
            return
        self._send_logs(pid)
        self.channels.tell(pid, answer)

    def _on_message_for_duties(self, pid: int, message: Message, now: float) -> None:
        try:
            for duty in self._duties:
                duty.on_message(pid, message, now)
        except (ValueError, LookupError, TypeError):
            self.channels.close(pid)  # that was not uncork

    def _send_logs(self, pid: int) -> None:
        """Tells a worker where to log from here on."""
        generation = self.fleet.generation_of(pid)
        if generation in self.plans.numbers:  # of an old one, the settings are gone
            access_log = self.plans.settings_of(generation).access_log
            self.channels.tell(pid, self._logs.message(access_log))

    def say_ready(self) -> None:
        """Tells that it serves, for the first time."""
        facts = self._granting.loaded
        assert facts is not None
        warn_of_root(self.plans.settings)
        served = Served(
            facts["name"], facts["origin"], facts["version"], facts["certificate"] is not None
        )
        count = self.plans.count_of(self.plans.serving)
        console.say("\n".join(banner(self._listeners, served, count)))

    def _say_how_it_ended(self) -> None:
        if not self._signals.is_stop_asked:
            return  # the worker has said why, or has only answered `--help` or the like
        if self.fleet.has_served:
            console.say("stopped")
        else:
            console.say("stopped before the app was loaded, as asked")
