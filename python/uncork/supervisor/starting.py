"""Binds, starts the workers that serve the app, and keeps them until somebody asks for the end.

The supervisor never imports the app: whatever that does, it does to its worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from uncork.app_locator import AppSpec
from uncork.settings import HandoverVariable, ResolvedSettings, Surroundings
from uncork.supervisor.control.commands import Commands
from uncork.supervisor.control.opening import open_control
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import InProcess, InWorker
from uncork.supervisor.handover import Handover
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.once_processes import OnceProcesses
from uncork.supervisor.privileges import run_as
from uncork.supervisor.recycling import Recycling
from uncork.supervisor.restarting import Restarting
from uncork.supervisor.service_manager import ServiceManager
from uncork.supervisor.signs_of_life import SignsOfLife
from uncork.supervisor.stack_inquiries import StackInquiries
from uncork.supervisor.stuck_boots import StuckBoots
from uncork.supervisor.supervision import Supervision
from uncork.supervisor.supervisor_signals import SupervisorSignals, hear_from_here
from uncork.supervisor.worker_process import Plan, run_worker
from uncork.worker import version

__all__ = ["check", "serve"]

ReadAgain = Callable[[], tuple[ResolvedSettings, AppSpec, Mapping[str, str]]]
"""The settings, the app and the environment as they are by now; raises `UncorkError`."""


def check(resolved: ResolvedSettings, handover: HandoverVariable) -> None:
    """Finds out whether a process could go on with this program; serves nothing.

    Raises:
        UncorkError: It could not.
    """
    run_as(resolved.values)
    Handover.from_text(handover.state)
    version()


def serve(  # noqa: PLR0913 (each is one thing that the command line has found out)
    resolved: ResolvedSettings,
    spec: AppSpec,
    script_arguments: Sequence[str],
    *,
    verbose: bool,
    read_again: ReadAgain,
    surroundings: Surroundings,
) -> int:
    """Serves until it is asked to stop; the exit code, which is then 0.

    Returns in each worker too, with that one's own exit code. What a worker could not be served
    for, it tells itself; the supervisor then only ends with the same exit code.

    Args:
        resolved: The settings.
        spec: What names the app.
        script_arguments: What the app finds in `sys.argv` behind its own name.
        verbose: Show tracebacks whole.
        read_again: For a reload.
        surroundings: What a service manager, or an earlier program of this process, hands over.

    Raises:
        UncorkError: It could not be served.
    """
    run_as(resolved.values)  # what is wrong with it is told before anything is bound
    plan = Plan(resolved, spec, script_arguments, environ=None, verbose=verbose)

    def plan_again() -> Plan:
        resolved, spec, environ = read_again()
        run_as(resolved.values)
        return Plan(resolved, spec, script_arguments, environ=environ, verbose=verbose)

    for descriptor in surroundings.service.descriptors:
        with suppress(OSError):  # which is told where it is listened on
            os.set_inheritable(descriptor, False)
    signals, listeners, admin_listeners = SupervisorSignals(), Listeners(), Listeners()
    supervision = Supervision(plan, plan_again, signals, listeners)
    supervision.hand_over_too("admin", admin_listeners)
    try:
        with signals, listeners, admin_listeners, supervision:
            if surroundings.handover is not None:
                supervision.take_over(Handover.from_text(surroundings.handover.state))
                hear_from_here()
            supervision.restarting = Restarting(surroundings, supervision, signals)
            for duty in _duties(supervision, supervision.restarting, surroundings):
                supervision.attend_to(duty)
            _open_admin(admin_listeners, supervision)
            return supervision.run()
    except InWorker as forked:
        # Its traceback would keep the supervisor's objects alive.
        new: InWorker | InProcess = forked.with_traceback(None)
    except InProcess as forked:
        new = forked.with_traceback(None)
    if isinstance(new, InProcess):
        return new.job()
    return run_worker(
        supervision.plans.of(new.post.generation),
        new.channel,
        new.post,
        scoreboard=supervision.scoreboard.for_worker(new.post.row),
    )


def _duties(
    server: Supervision, restarting: Restarting, surroundings: Surroundings
) -> Iterator[Duty]:
    """What each server attends to, in the order in which all of it is done and closed."""
    plans, fleet, scoreboard = server.plans, server.fleet, server.scoreboard
    yield Recycling(fleet, plans.settings_of, scoreboard.requests_of)
    yield SignsOfLife(scoreboard, fleet, plans.settings_of)
    yield OnceProcesses(plans.of)
    yield restarting
    yield ServiceManager(
        surroundings.service,
        server.status,
        lambda: plans.settings,
        is_ready=surroundings.handover is not None,
    )
    stacks = StackInquiries(server.channels.tell)
    yield stacks
    yield StuckBoots(server, plans.settings_of, stacks)
    settings = plans.settings
    control = open_control(settings.control, Commands(server, stacks), run_as(settings))
    if control is not None:
        server.control = control.place.text
        yield control


def _open_admin(listeners: Listeners, supervision: Supervision) -> None:
    """Attends to the admin listener, if there is one; it may be open from an earlier program."""
    if supervision.plans.settings.admin is None and not listeners.is_open:
        return
    from uncork.supervisor.admin.opening import open_admin  # noqa: PLC0415 (few servers have it)

    supervision.attend_to(
        open_admin(
            lambda: supervision.plans.settings,
            listeners,
            supervision.status,
            supervision.scoreboard,
        )
    )
