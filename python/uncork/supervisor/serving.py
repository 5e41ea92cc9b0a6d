"""One app served, from the moment it is found to the moment the worker has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from uncork import console, worker
from uncork.app_locator import LocatedApp
from uncork.election import ELECTIONS
from uncork.errors import AppError, InternalError
from uncork.settings import BadValueError, Bind, ResolvedSettings, Settings, parse_bind
from uncork.supervisor.certificates import ADHOC
from uncork.supervisor.desk import Desk
from uncork.supervisor.ending import report_cut_off
from uncork.supervisor.fork_safety import is_alone, open_descriptors, what_forbids_a_fork
from uncork.supervisor.forking import Post
from uncork.supervisor.health_request import HealthCheck, HealthRequest
from uncork.supervisor.memory import Memory, memory_of
from uncork.supervisor.open_files import room_for_connections
from uncork.supervisor.run_call_settings import with_run_options
from uncork.supervisor.signals import Action, SignalActions, StopAsked
from uncork.supervisor.single_worker import one_worker_reason
from uncork.supervisor.supervisor_link import Grant, Loaded, SupervisorLink
from uncork.supervisor.template import Template
from uncork.supervisor.titles import show_template, show_worker
from uncork.supervisor.worker_hooks import call_start_hooks, shutdown_hooks_called

# How long threads may take to notice a stop: those that are not inside the app do at once.
_NOTICE_SECONDS = 0.5
_JOIN_SECONDS = 3600.0
# How long what is logged may take to be written at the end, should nobody read it.
_LOG_SECONDS = 2.0


class Serving:
    """What `with_app` is given: serves with what the supervisor grants.

    Args:
        resolved: The settings.
        signals: What ends it.
        link: To the supervisor.
        post: What this process is to be; the first of a generation says what each would say.
        verbose: Say how the app was found.
        desk: What a development server has beside.

    Attributes:
        link: To the supervisor; another one in a worker that a template has forked.
        has_served: Whether the app was found and served.
        has_stuck_threads: Whether threads are left inside the app: the interpreter must not
            be torn down under them.
        failure: Why it could not be served. Kept, for `use` is called from inside the user's
            script, which may catch what it raises.
    """

    def __init__(  # noqa: PLR0913 (what a worker is made of, each a thing of its own)
        self,
        resolved: ResolvedSettings,
        signals: SignalActions,
        link: SupervisorLink,
        post: Post,
        *,
        verbose: bool = False,
        desk: Desk | None = None,
    ) -> None:
        self.has_served = False
        self.has_stuck_threads = False
        self.failure: BaseException | None = None
        self._directory = Path.cwd()
        self._resolved = resolved
        self._signals = signals
        self.link = link
        self._post = post
        self._opened_before = open_descriptors() if post.may_become_template else frozenset()
        self._verbose = verbose
        self._desk = desk

    def use(self, located: LocatedApp) -> None:
        """Serves the app until the worker has ended; called in the main thread.

        Raises:
            UncorkError: It could not be served.
        """
        if self._signals.is_stop_asked:
            return  # and the script caught it
        try:
            with self._signals.serving() as unheard:
                self._serve(located, unheard)
        except StopAsked:
            raise  # in the moment before it served, which is no failure
        except BaseException as error:
            self.failure = error
            raise

    def _serve(self, located: LocatedApp, unheard: list[str]) -> None:
        show_worker(self._post, located.name)
        heard: Collection[str] = ()
        if self._desk is not None and located.run_options is not None:
            heard = self._desk.hear_run_call(located.run_options)
        if self._post.is_first and (self._desk is None or self._post.generation == 1):
            command = "uncork serve" if self._desk is None else "uncork dev"
            _tell_what_differs(located, unheard, heard, command)
            if self._verbose:
                console.note(f"`{located.name}`: {located.explanation}")
        settings = with_run_options(self._resolved, located.run_options)
        if self._desk is not None:
            self._desk.listens_on([bind.host for bind in settings.bind if bind.kind == "tcp"])
        room = room_for_connections(settings.max_connections, warns=self._post.is_first)
        settings = replace(settings, max_connections=room)
        grant = self._ask(located, settings)
        if grant is None:
            return  # a stop was asked for meanwhile
        identity = grant.identity
        with ExitStack() as at_end:
            # The worker has its own; and when it drains, nobody may be left waiting at ours.
            with closing(grant):
                app = located.app
                if located.failure is None:
                    with self._signals.raising():
                        call_start_hooks(settings.boot_timeout, self.link.say_failed)
                    at_end.enter_context(shutdown_hooks_called())
                    app = self._desk.around(app) if self._desk else app
                if grant.is_on_trial and not self._passes_health_check(located, settings, grant):
                    return  # a stop was asked for meanwhile
                served = worker.Worker(
                    app,
                    grant.descriptors,
                    worker.worker_settings(
                        settings,
                        is_multiprocess=grant.is_multiprocess,
                        access_log=self.link.logs.access_log,
                        certificate=identity.certificate if identity else None,
                        key=identity.key if identity else None,
                        own_prefix=self._desk.own_prefix if self._desk else "",
                    ),
                    self.link.scoreboard,
                )
            self.link.logs.tell_later_ones(served.reopen_access_log)
            at_end.callback(served.end_access_log, _LOG_SECONDS)
            served.start()
            self.has_served = True
            self.link.say_ready()
            self.link.candidate.begin()
            if self._desk is not None:
                self._desk.ready(self.link)
            self._watch(served, settings.graceful_timeout)

    def _ask(self, located: LocatedApp, settings: Settings) -> Grant | None:
        settings = self._as_seen_from_elsewhere(settings)
        is_counted = self._post.is_first and self._desk is None
        memory = memory_of() if is_counted else Memory(None, None)
        loaded = Loaded(
            name=located.name,
            origin=located.origin,
            version=worker.version(),
            binds=[bind.text for bind in settings.bind],
            certificate=settings.cert,
            key=settings.key,
            one_worker_reason=one_worker_reason(located.app),
            memory_bytes=memory.proportional or memory.resident,
            may_be_template=self._may_be_template(),
            failure=located.failure,
        )
        self.link.ask_for_listeners(loaded)
        while True:
            answer = self.link.answer()
            if isinstance(answer, Grant):
                return answer
            if answer is not None:
                self._be_template(located.name)
                told = replace(loaded, may_be_template=False, memory_bytes=None)
                self.link.ask_for_listeners(told)
            elif self._signals.wait(None) in (Action.DRAIN, Action.STOP):
                return None

    def _may_be_template(self) -> bool:
        """Whether workers can be forked from this process, if that is wanted; says why not."""
        if not self._post.may_become_template:
            return False
        link = self.link.thread_id
        reason = what_forbids_a_fork([link] if link else [], self._opened_before)
        if ELECTIONS.was_asked:
            reason = "the app asked `uncork.once` while it was loaded"
        if reason is None:
            return True
        text = f"each worker imports the app by itself: {reason}"
        if self._resolved.values.preload == "on":
            console.warn(text)
        else:
            console.note(text)
        return False

    def _be_template(self, name: str) -> None:
        """Returns in each worker that is forked from this process, from now on the template.

        In this process too, if there is another thread after all.
        """
        before, scoreboard = self.link, self.link.scoreboard
        channel = before.let_go()
        before.logs.close()  # each worker is sent its own
        if not is_alone():
            self.link = SupervisorLink(channel, self._signals.wake, scoreboard)
            return
        show_template(self._post, name)
        self._post, channel = Template(self._post, channel, self._signals).run()
        show_worker(self._post, name)
        if scoreboard is not None:
            row = self._post.row
            scoreboard = None if row is None else scoreboard._replace(row=row)
        self.link = SupervisorLink(channel, self._signals.wake, scoreboard)
        if self.link.offer_dumps():
            before.forget_dumps()

    def _passes_health_check(self, located: LocatedApp, settings: Settings, grant: Grant) -> bool:
        """Whether the app may take over; `False`: a stop was asked for before it had answered.

        Raises:
            AppError: It may not.
        """
        if settings.health_path is None:
            return True
        request = HealthRequest(
            settings.health_path,
            port=str(settings.bind[0].port or 80),
            is_tls=grant.identity is not None,
            is_multiprocess=grant.is_multiprocess,
        )
        check = HealthCheck(located.app, request, self._signals.wake)
        deadline = time.monotonic() + settings.health_timeout
        while not check.has_passed():
            left = deadline - time.monotonic()
            is_stopped = left > 0 and self._signals.wait(left) in (Action.DRAIN, Action.STOP)
            if left <= 0 or is_stopped:
                self.has_stuck_threads = True
            if is_stopped:
                return False
            if left <= 0:
                raise check.too_late(settings.health_timeout)
        return True

    def _as_seen_from_elsewhere(self, settings: Settings) -> Settings:
        """The settings with paths that the supervisor finds, should the app have changed folders.

        Such paths are the script's own: those of the user's settings were read at the start.
        """
        try:
            here = Path.cwd()
        except FileNotFoundError:
            return settings
        if here == self._directory:
            return settings
        own = self._resolved.values
        binds, cert, key = settings.bind, settings.cert, settings.key
        if binds != own.bind:
            binds = tuple(_from(here, bind) for bind in binds)
        if cert not in (None, own.cert, ADHOC):
            cert = str(here / cert)
        if key not in (None, own.key):
            key = str(here / key)
        return replace(settings, bind=binds, cert=cert, key=key)

    def _watch(self, served: worker.Worker, graceful_seconds: float) -> None:
        """Does what signals ask for until the worker has ended, or has had its time."""
        end = _End(served, self._signals)
        action = self._next_action(end, None)
        if action is None:
            raise InternalError("the worker ended by itself")
        if self._desk is not None:
            self._desk.draining()
        if action is Action.DRAIN and graceful_seconds > 0:
            served.drain()
            started = time.monotonic()
            self._next_action(end, started + graceful_seconds)
            waited = time.monotonic() - started
        else:
            waited = 0.0
        if not end.has_come:
            self._stop(served, end, waited)
        self.has_stuck_threads = self.has_stuck_threads or served.has_late_threads

    def _stop(self, served: worker.Worker, end: _End, waited: float) -> None:
        served.stop()
        deadline = time.monotonic() + _NOTICE_SECONDS
        while not end.has_come and time.monotonic() < deadline:
            self._signals.wait(deadline - time.monotonic())
        if not end.has_come:
            self.has_stuck_threads = True
            report_cut_off(waited)

    def _next_action(self, end: _End, deadline: float | None) -> Action | None:
        """`DRAIN` or `STOP`; `None` when the worker has ended or the time is over."""
        while not end.has_come:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            action = self._signals.wait(left)
            if action in (Action.DRAIN, Action.STOP):
                return action
        return None


def _from(folder: Path, bind: Bind) -> Bind:
    """The same address for whoever is in another folder."""
    if bind.kind != "unix":
        return bind
    try:
        return parse_bind(f"unix:{folder / bind.path}")
    except BadValueError as error:
        raise AppError(
            f"could not listen on `{bind.text}`", cause=error.cause, hints=(error.hint,)
        ) from None


class _End:
    """Waits for the worker's end in a thread, and wakes the main one when it comes."""

    def __init__(self, served: worker.Worker, signals: SignalActions) -> None:
        self.has_come = False
        self._served = served
        self._signals = signals
        threading.Thread(target=self._wait, name="uncork-join", daemon=True).start()

    def _wait(self) -> None:
        while not self._served.join(_JOIN_SECONDS):
            pass
        self.has_come = True
        self._signals.wake()


def _tell_what_differs(
    located: LocatedApp, unheard: list[str], heard: Collection[str], command: str
) -> None:
    for warning in located.warnings:
        console.warn(warning)
    options = located.run_options
    ignored = [name for name in options.ignored if name not in heard] if options else []
    if options is not None and ignored:
        names = ", ".join(f"`{name}`" for name in ignored)
        console.note(f"no effect under `{command}`: {names} of {options.runner}, {options.where}")
    if unheard:
        console.note(
            f"the app's own handlers are not called while it is served: {', '.join(unheard)}"
        )
