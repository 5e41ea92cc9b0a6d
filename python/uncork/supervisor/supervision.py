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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from uncork import console
from uncork.errors import EnvironmentProblem, UncorkError
from uncork.settings import Settings, parse_bind
from uncork.supervisor.banner import Served, banner, places_of
from uncork.supervisor.certificates import Identity, load_identity
from uncork.supervisor.cgroup import Cgroup
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.deaths import Death, read_status
from uncork.supervisor.drain_delay import DrainDelay
from uncork.supervisor.duty import Duty
from uncork.supervisor.elections import Elections
from uncork.supervisor.error_facts import error_from_facts, facts_of_error
from uncork.supervisor.fleet import Fleet, Generation
from uncork.supervisor.forking import Post, fork_worker
from uncork.supervisor.handover import Handover
from uncork.supervisor.listeners import ListenerOptions, Listeners
from uncork.supervisor.log_files import LogFiles
from uncork.supervisor.lost_requests import tell_of_lost
from uncork.supervisor.privileges import rights_of, run_as, warn_of_root
from uncork.supervisor.reload_history import ReloadHistory
from uncork.supervisor.respawning import Respawning
from uncork.supervisor.restarting import Restarting
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.signals import Action
from uncork.supervisor.status import ServerStatus
from uncork.supervisor.status_report import Described, Start, server_status
from uncork.supervisor.supervisor_signals import SupervisorSignals, hear_from_here
from uncork.supervisor.templates import Templates
from uncork.supervisor.titles import show_supervisor
from uncork.supervisor.worker_count import MemoryBudget, WorkerCount, worker_count
from uncork.supervisor.worker_process import Plan

_AT_START = ("bind", "admin", "backlog", "unix_mode", "unix_owner", "error_log")
"""Settings that a reload does not change: they are those of what is open."""


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
        reloads: What became of the last reloads.
        control: Where the control socket is; `None`: nowhere.
        scoreboard: Where each worker has a row.
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
        self._plans = {1: plan}
        self._last_generation = 1
        self._plan_again = plan_again
        self._signals = signals
        self._listeners = listeners
        self._handed_over = {_OWN: listeners}
        self._logs = LogFiles()
        self._drain_delay = DrainDelay(self._drain)
        self._templates = Templates()
        self._duties: list[Duty] = [self._drain_delay, self._templates, *duties]
        self._identities: dict[int, Identity | None] = {}
        self._channels: dict[int, Channel] = {}
        self._loaded: Message | None = None
        self._counts = {1: worker_count(plan.resolved)}
        # Room for more workers, and for old generations that take their time to end.
        self.scoreboard = Scoreboard.create(32 + 4 * self._counts[1].number)
        self._cgroup = Cgroup()
        self._budget = MemoryBudget()
        self._kills_seen = self._cgroup.out_of_memory_kills()
        self._fleet = Fleet(_generation(1, plan, self._counts[1]), self, Respawning())
        self._elections = Elections(lambda: self._fleet.workers, self._send)
        self._start = Start.now()
        self._failures: dict[int, UncorkError] = {}
        self.reloads = ReloadHistory()
        self.control: str | None = None
        self.restarting: Restarting | None = None
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
        for channel in self._channels.values():
            channel.close()
        for duty in self._duties:
            duty.close()
        self._logs.close()

    def attend_to(self, duty: Duty) -> None:
        """Takes on one thing more; closed here."""
        self._duties.append(duty)

    def hand_over_too(self, name: str, listeners: Listeners) -> None:
        """Has other listeners than the app's stay open at a restart as well."""
        self._handed_over[name] = listeners

    def run(self) -> int:
        """Serves until it is asked to stop; the exit code.

        Raises:
            UncorkError: The address can't be listened on, or a log can't be opened.
            InWorker: This is a new worker.
        """
        values = self._plans[min(self._plans)].resolved.values
        self._logs.open_error_log(values.error_log)
        self._logs.open_access_log(values.access_log)
        show_supervisor(self._plans[min(self._plans)].spec.text)
        # What the workers' collectors never look at stays shared with this process.
        gc.freeze()
        if self._was_taken_over:
            self._reload_as_told()
        else:
            self._bind_early()
            self._fleet.start(time.monotonic())
        while not (self._fleet.has_ended and all(duty.has_ended for duty in self._duties)):
            self._wait()
            for action in self._signals.heard():
                self.do(action)
            # What a worker said before it died comes before its death.
            for pid, channel in list(self._channels.items()):
                if channel.fileno() >= 0:
                    self._listen_to(pid)
            # A template that ends by the same signal as the server is no news.
            self._templates.keep(self._fleet.generations)
            self._reap()
            now = time.monotonic()
            self._fleet.on_time(now)
            self._templates.keep(self._fleet.generations)
            for duty in self._duties:
                duty.on_time(now)
        self._say_how_it_ended()
        return self._fleet.exit_code

    # What the fleet asks for: see `fleet.Hands`.

    def spawn(self, generation: int, index: int, *, is_first: bool) -> int:
        """Starts a worker and returns its process id.

        Raises:
            EnvironmentProblem: The machine refuses.
        """
        may_become_template = is_first and self._wants_template(generation)
        row = self.scoreboard.claim(generation, index)
        post = Post(generation, index, is_first, row, may_become_template)
        try:
            pid, channel = self._templates.spawn(post) or fork_worker(post)
        except OSError as error:
            if row is not None:
                self.scoreboard.release(row)
            raise EnvironmentProblem(
                "a worker could not be started",
                cause=(error.strerror or str(error)).lower(),
                hints=("check how many processes and files are allowed: `ulimit -u`, `ulimit -n`",),
            ) from None
        self._channels[pid] = channel
        if row is not None:
            self.scoreboard.occupy(row, pid)
        return pid

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
        is_serving = error is None
        if error is not None:
            # What its worker has said of it is worth more than how that one ended.
            self.reloads.failed(generation, self._failures.pop(generation, error))
        gone = [n for n in self._plans if (n < generation if is_serving else n >= generation)]
        for number in gone:
            del self._plans[number]
            self._counts.pop(number, None)
            self._identities.pop(number, None)
        if is_serving or self._was_taken_over:
            # Behind a restart, the old generation goes on if the new one does not do.
            self._was_taken_over = False
            for duty in self._duties:
                duty.on_generation(min(self._plans), time.monotonic())

    def took_over(self, generation: int) -> None:
        """All the workers of a new generation serve, and those before it go."""
        self.reloads.done(generation)

    # What may be asked of a server while it runs, by signals or in other ways.

    def status(self) -> ServerStatus:
        """The server as it is by now."""
        facts = self._loaded.facts if self._loaded else None
        is_tls = facts is not None and facts["certificate"] is not None
        described = Described(
            app=self._plans[min(self._plans)].spec.text,
            loaded=facts,
            listeners=places_of(self._listeners, is_tls=is_tls),
            workers_reason=self._counts[min(self._counts)].reason,
            control=self.control,
            templates=self._templates.pids,
        )
        status = server_status(self._fleet, self.reloads, self._start, described, time.monotonic())
        return replace(status, state="stopping") if self._drain_delay.is_running else status

    def settings(self) -> Settings:
        """Those that are served with by now."""
        return self._plans[min(self._plans)].resolved.values

    def do(self, action: Action) -> None:
        """Does what a signal asks for; why it can't be done, is told here."""
        now = time.monotonic()
        match action:
            case Action.DRAIN:
                self._drain_soon(now)
            case Action.STOP:
                self._drain_delay.cancel()
                self.reloads.give_up("the server was asked to stop")
                self._listeners.close()
                self._fleet.stop(now)
                self._tell_duties_of_end(now, at_once=True)
            case Action.RELOAD:
                self._reload_as_told()
            case Action.MORE | Action.FEWER:
                self._fleet.resize(1 if action is Action.MORE else -1, now)
            case Action.RESTART:
                if self.restarting is not None:
                    self.restarting.ask()
            case Action.REOPEN_LOGS:
                self.reopen_logs()

    def reopen_logs(self) -> None:
        """Opens the files of logs anew, and has the workers write there."""
        self._logs.reopen()
        for pid in self._channels:
            self._send_logs(pid)
        self._templates.tell(self._logs.message(None))

    def tell(self, pid: int, message: Message) -> bool:
        """Whether the message went out to a worker."""
        channel = self._channels.get(pid)
        return channel is not None and channel.fileno() >= 0 and channel.send(message)

    def end(self, *, at_once: bool) -> None:
        """Drains and ends, or ends at once."""
        self._signals.note_stop()
        self.do(Action.STOP if at_once else Action.DRAIN)

    def scale(self, workers: int) -> None:
        """Has so many workers from now on, until a reload reads the settings anew."""
        self._fleet.resize(workers - self._fleet.wanted, time.monotonic())

    @property
    def fleet(self) -> Fleet:
        """The workers."""
        return self._fleet

    def settings_of(self, generation: int) -> Settings:
        """What a generation is served with."""
        return self._plans[generation].resolved.values

    def note_failure(self, pid: int, error: UncorkError) -> None:
        """What is wrong with a worker that can't say it itself, for whoever asked for a reload."""
        with suppress(LookupError):
            self._failures[self._fleet.generation_of(pid)] = error

    def requests_of(self, pid: int) -> int:
        """How many requests a worker has answered; 0 of one that has no row."""
        row = self.scoreboard.row_of(pid)
        return 0 if row is None else self.scoreboard.worker(row).counters.requests_ended

    # A restart: see `restarting.Restartable`.

    def why_not_restart(self) -> str | None:
        """Why this is no time for a restart, or `None`."""
        if self._fleet.is_ending or self._drain_delay.is_running:
            return "the server was asked to stop"
        return None if self._fleet.has_served else "the app is still being loaded"

    def is_settled(self) -> bool:
        """Whether nothing is under way that a restart would break off."""
        # One after the other: health is to be asked for until nothing else is waited for.
        return self._fleet.is_settled and all(duty.let_go() for duty in self._duties)

    def hold_signals(self) -> bool:
        """Has signals wait for the next program; `False`: some wait for this one already."""
        return self._signals.hold()

    def hear_signals(self) -> None:
        """Lets them in again."""
        hear_from_here()

    def hand_over(self) -> Handover:
        """What the next program goes on with."""
        channels = {
            pid: channel.hand_over()
            for pid, channel in self._channels.items()
            if channel.fileno() >= 0
        }
        assert self._fleet.serving is not None
        return Handover(
            listeners={name: each.hand_over() for name, each in self._handed_over.items()},
            workers=[(handle, channels.get(handle.pid)) for handle in self._fleet.workers],
            generation=self._fleet.serving.number,
            last_generation=self._last_generation,
            loaded=self._loaded.facts if self._loaded else None,
            at_start=_at_start(self.settings()),
            started=(self._start.at, self._start.time_of_day),
            restarts=dict(self._fleet.restarts),
            reloads=dict(self.reloads.outcomes),
            scoreboard=self.scoreboard.hand_over(),
            elections=self._elections.hand_over(),
        )

    def take_over(self, handover: Handover) -> None:
        """Goes on where an earlier program of this process was; `run` then loads the app anew."""
        self._was_taken_over = True
        number, plan = handover.generation, self._plans[1]
        self._plans = {number: plan}
        self._counts = {number: self._counts[1]}
        self._last_generation = handover.last_generation
        for name, listeners in self._handed_over.items():
            listeners.take_over(handover.listeners.get(name, ()))
        for handle, channel in handover.workers:
            if channel is not None:
                self._channels[handle.pid] = Channel.taken_over(channel)
        self._fleet.adopt(
            _generation(number, plan, self._counts[number]),
            [handle for handle, _ in handover.workers],
        )
        self._fleet.restarts.update(handover.restarts)
        self.reloads.outcomes.update(handover.reloads)
        if handover.scoreboard is not None:
            board = Scoreboard.taken_over(handover.scoreboard)
            if board is not None:  # of the old workers too, which go on writing there
                self.scoreboard.close()
                self.scoreboard = board
        self._elections.take_over(handover.elections)
        self._loaded = Message(Kind.LOADED, handover.loaded) if handover.loaded else None
        at, time_of_day = handover.started
        self._start = replace(self._start, at=at, time_of_day=time_of_day)
        now = _at_start(self.settings())
        if changed := [name for name, text in now.items() if handover.at_start.get(name) != text]:
            _warn_of_changed(changed, "restart")

    def plan_of(self, generation: int) -> Plan:
        """What a generation is started with."""
        return self._plans[generation]

    def _bind_early(self) -> None:
        """Binds before the app is loaded, so that a taken port is told at once.

        Not with the default address, unless the app is imported for certain: a script that
        runs its own server may name another one.
        """
        resolved = self._plans[1].resolved
        is_certain = resolved.values.load_as == "module"
        if is_certain or not resolved.origins["bind"].is_default:
            self._bind(resolved.values)

    def _bind(self, settings: Settings) -> None:
        who = run_as(settings)
        owner = settings.unix_owner or (who.owner if who else None)
        self._listeners.open(
            settings.bind, ListenerOptions(settings.backlog, settings.unix_mode, owner)
        )

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        for channel in self._channels.values():
            if channel.fileno() >= 0:
                poll.register(channel, select.POLLIN)
        owners = {number: duty for duty in self._duties for number in duty.descriptors()}
        for descriptor in owners:
            poll.register(descriptor, select.POLLIN)
        deadlines = [self._fleet.next_deadline(), *(duty.next_deadline() for duty in self._duties)]
        deadline = min((at for at in deadlines if at is not None), default=None)
        timeout = None
        if deadline is not None:
            timeout = math.ceil(max(0.0, deadline - time.monotonic()) * 1000)
        for descriptor, _ in poll.poll(timeout):
            if owner := owners.get(descriptor):
                owner.on_readable(descriptor, time.monotonic())

    def _drain_soon(self, now: float) -> None:
        """Drains when `drain_delay` is over, or when it is asked for again."""
        delay = self._plans[max(self._plans)].resolved.values.drain_delay
        if self._drain_delay.is_running or not self._fleet.has_served or delay == 0:
            self._drain_delay.cancel()
            self._drain(now)
            return
        self._drain_delay.begin(now + delay)
        self._signals.count_anew()
        console.say(f"stopping in {delay:g} s; Ctrl+C again begins with it at once")

    def _drain(self, now: float) -> None:
        if self._fleet.is_ending:
            return
        graceful_seconds = self._plans[max(self._plans)].resolved.values.graceful_timeout
        if self._fleet.has_served and graceful_seconds > 0:
            console.say(
                f"stopping: running requests have {graceful_seconds:g} s; "
                "Ctrl+C again stops at once"
            )
        self.reloads.give_up("the server was asked to stop")
        # The workers have the sockets too, and close theirs: new connections are refused from
        # there on, instead of waiting for nobody.
        self._listeners.close()
        self._fleet.drain(now)
        self._tell_duties_of_end(now, at_once=False)

    def _tell_duties_of_end(self, now: float, *, at_once: bool) -> None:
        for duty in self._duties:
            duty.on_end(now, at_once=at_once)

    def _reload_as_told(self) -> None:
        if self._fleet.is_ending or self._drain_delay.is_running:
            return
        if not self._fleet.has_served:
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
        is_ending = self._fleet.is_ending or self._drain_delay.is_running
        if is_ending or not self._fleet.has_served:
            raise EnvironmentProblem(
                "nothing was reloaded",
                cause="the server was asked to stop"
                if is_ending
                else "the app is still being loaded for the first time",
            )
        try:
            plan = self._plan_again()
            self._logs.open_access_log(plan.resolved.values.access_log)
        except UncorkError as error:
            console.fail(error)
            console.warn("the reload failed, and nothing has changed: the settings can't be read")
            self.reloads.refused(error)
            raise
        old = self.settings()
        values = plan.resolved.values
        if changed := [name for name in _AT_START if getattr(old, name) != getattr(values, name)]:
            _warn_of_changed(changed, "reload")
        for given_up in [number for number in self._plans if number > min(self._plans)]:
            del self._plans[given_up]  # this try takes its place
            del self._counts[given_up]
        self._last_generation += 1
        number = self._last_generation
        self._plans[number] = plan
        self._counts[number] = worker_count(plan.resolved)
        console.say(f"reloading: generation {number} is tried beside the one that serves")
        self.reloads.began(number)
        generation = _generation(number, plan, self._counts[number])
        self._fleet.reload(generation, time.monotonic())
        return number

    def _listen_to(self, pid: int) -> None:
        messages = self._channels[pid].receive()
        if messages is None:
            self._channels[pid].close()  # it is about to die, or has already
            return
        for message in messages:
            if message.kind is Kind.LOADED:
                try:
                    answer = self._answer(pid, message)
                except (ValueError, LookupError, TypeError):
                    self._channels[pid].close()  # that was not uncork
                    return
                self._send_logs(pid)
                self._channels[pid].send(answer)
            elif message.kind is Kind.PRELOADED:
                generation = self._fleet.generation_of(pid)
                self._templates.adopt(generation, pid, self._channels.pop(pid))
                self._forget(pid)
                self._fleet.on_preloaded(pid, time.monotonic())
                self._elections.on_death(pid)
                return
            elif message.kind is Kind.READY:
                is_first_ever = not self._fleet.has_served
                self._fleet.on_ready(pid, time.monotonic())
                if is_first_ever:
                    self._say_ready()
            elif message.kind is Kind.ONCE:
                with suppress(LookupError):
                    self._elections.on_asked(pid, message.facts)
            elif message.kind is Kind.FAILED:
                with suppress(LookupError, TypeError, ValueError):
                    error = error_from_facts(message.facts)
                    self._failures[self._fleet.generation_of(pid)] = error
            else:
                try:
                    for duty in self._duties:
                        duty.on_message(pid, message, time.monotonic())
                except (ValueError, LookupError, TypeError):
                    self._channels[pid].close()  # that was not uncork
                    return

    def _send(self, pid: int, message: Message) -> None:
        if channel := self._channels.get(pid):
            channel.send(message)

    def _send_logs(self, pid: int) -> None:
        """Tells a worker where to log from here on."""
        plan = self._plans.get(self._fleet.generation_of(pid))
        if plan is not None and self._channels[pid].fileno() >= 0:
            self._send(pid, self._logs.message(plan.resolved.values.access_log))

    def _answer(self, pid: int, loaded: Message) -> Message:
        """What a worker serves with, or why there is none."""
        self._loaded = loaded
        facts = loaded.facts
        generation = self._fleet.generation_of(pid)
        resolved = self._plans[generation].resolved
        self._settle_count(generation, facts)
        if facts["may_be_template"] and self._wants_template(generation):
            return Message(Kind.TEMPLATE)
        show_supervisor(facts["name"])
        try:
            if generation not in self._identities:
                host = parse_bind(facts["binds"][0]).host
                files = facts["certificate"], facts["key"]
                own = resolved.values.cert, resolved.values.key
                with rights_of(resolved.values, is_apps=files != own):
                    self._identities[generation] = load_identity(*files, host=host)
            if not self._listeners.is_open and not self._fleet.is_ending:
                binds = tuple(parse_bind(text) for text in facts["binds"])
                with rights_of(resolved.values, is_apps=binds != resolved.values.bind):
                    self._bind(replace(resolved.values, bind=binds))
        except UncorkError as error:
            return Message(Kind.REFUSED, facts_of_error(error))
        identity = self._identities[generation]
        granted = {
            "is_multiprocess": self._counts[generation].number > 1,
            "is_on_trial": self._fleet.is_on_trial(generation),
            "certificate": identity.certificate.decode() if identity else None,
            "key": identity.key.decode() if identity else None,
        }
        return Message(Kind.GRANTED, granted, self._listeners.descriptors)

    def _settle_count(self, generation: int, facts: Mapping[str, Any]) -> None:
        """How many workers there are to be, now that it is known what they would serve."""
        count = self._counts[generation]
        is_default = self._plans[generation].resolved.origins["workers"].is_default
        if facts["memory_bytes"] is not None:  # of a first worker
            count = self._budget.bounded(count, facts["memory_bytes"], may_reduce=is_default)
        if facts["one_worker_reason"] and is_default:
            count = WorkerCount(1, facts["one_worker_reason"])
        if count != self._counts[generation]:
            self._counts[generation] = count
            self._fleet.keep_to(generation, count.number)

    def _wants_template(self, generation: int) -> bool:
        preload = self._plans[generation].resolved.values.preload
        workers = self._counts[generation].number
        return self._templates.is_wanted(generation, preload, workers)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            channel = self._channels.get(pid)
            if channel is None:
                self._tell_duties(pid, read_status(status, was_out_of_memory=None))
                continue
            if channel.fileno() >= 0:
                self._listen_to(pid)
            self._channels.pop(pid).close()
            death = read_status(status, was_out_of_memory=self._was_out_of_memory())
            now = time.monotonic()
            if (row := self.scoreboard.row_of(pid)) is not None:
                death = tell_of_lost(self.scoreboard, row, self._fleet.name_of(pid), death, now)
            self._forget(pid)
            self._fleet.on_death(pid, death, now)
            self._elections.on_death(pid)

    def _forget(self, pid: int) -> None:
        """It is no worker any more."""
        if (row := self.scoreboard.row_of(pid)) is not None:
            self.scoreboard.release(row)
        for duty in self._duties:
            duty.on_worker_death(pid)

    def _tell_duties(self, pid: int, death: Death) -> None:
        for duty in self._duties:
            if duty.on_death(pid, death, time.monotonic()):
                return
        # As process 1: an orphan of somebody's.

    def _was_out_of_memory(self) -> bool | None:
        kills = self._cgroup.out_of_memory_kills()
        before, self._kills_seen = self._kills_seen, kills
        return None if kills is None or before is None else kills > before

    def _say_ready(self) -> None:
        assert self._loaded is not None
        facts = self._loaded.facts
        warn_of_root(self.settings())
        served = Served(
            facts["name"], facts["origin"], facts["version"], facts["certificate"] is not None
        )
        count = self._counts[min(self._counts)]
        console.say("\n".join(banner(self._listeners, served, count)))

    def _say_how_it_ended(self) -> None:
        if not self._signals.is_stop_asked:
            return  # the worker has said why, or has only answered `--help` or the like
        if self._fleet.has_served:
            console.say("stopped")
        else:
            console.say("stopped before the app was loaded, as asked")


def _generation(number: int, plan: Plan, count: WorkerCount) -> Generation:
    values = plan.resolved.values
    return Generation(number, count.number, values.boot_timeout, values.graceful_timeout)


def _at_start(settings: Settings) -> dict[str, str]:
    """The settings that hold for as long as the listeners are open."""
    return {name: repr(getattr(settings, name)) for name in _AT_START}


def _warn_of_changed(settings: Sequence[str], action: str) -> None:
    names = ", ".join(f"`{name}`" for name in settings)
    console.warn(f"a {action} does not change {names}: that takes a new start")
