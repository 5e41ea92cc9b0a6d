"""Starts a development server and keeps it until somebody asks for the end.

The app's code is in its worker alone, as it is in production: whatever that does, the server goes
on and says it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncork.app_locator import AppSpec
from uncork.dev.address import address_of, as_port
from uncork.dev.browser import DebuggerPolicy
from uncork.dev.browser_opening import BrowserOpening
from uncork.dev.desk import DevelopmentDesk
from uncork.dev.keys import Key, Keys
from uncork.dev.prepared_modules import Wanted
from uncork.dev.preparing import Preparing, post_of
from uncork.dev.processes import Processes
from uncork.dev.reloading import Banner, Reloading
from uncork.dev.supervision import DevSupervision
from uncork.dev.terminal import Terminal
from uncork.dev.watching import (
    FileWatch,
    WatchList,
    WatchOptions,
    project_list,
    project_root,
    what_to_watch,
)
from uncork.settings import Origin, ResolvedDevSettings, ResolvedSettings
from uncork.supervisor.certificates import ADHOC
from uncork.supervisor.channel import Channel
from uncork.supervisor.forking import InProcess, InWorker
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.supervisor_signals import SupervisorSignals
from uncork.supervisor.worker_process import Plan, run_worker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from uncork.supervisor.duty import Duty

_DEV = Origin("default", "`uncork dev`", strength=0)


@dataclass(frozen=True)
class Choice:
    """What a development server is started with, as the command line and the files have it.

    Attributes:
        resolved: The settings of every server.
        dev: Those of a development server.
        spec: What names the app.
        environ: What the app finds in its environment.
    """

    resolved: ResolvedSettings
    dev: ResolvedDevSettings
    spec: AppSpec
    environ: Mapping[str, str]


def serve(
    choice: Choice,
    script_arguments: Sequence[str],
    *,
    verbose: bool,
    read_again: Callable[[], Choice],
) -> int:
    """Serves until it is asked to stop; the exit code, which is then 0.

    Returns in each worker too, with that one's own exit code.

    Args:
        choice: What to begin with.
        script_arguments: What the app finds in `sys.argv` behind its own name.
        verbose: Show tracebacks whole.
        read_again: As it is by now; raises `UncorkError`.

    Raises:
        UncorkError: It could not be served.
    """
    started_at = time.monotonic()
    signals, listeners = SupervisorSignals(), Listeners(as_port)
    address = address_of(choice.dev, choice.environ)
    if _is_local_https(choice):
        from uncork.supervisor.local_authority import check_host  # noqa: PLC0415 (few want it)

        check_host(address[0].host)

    def hosts() -> list[str]:
        return [each.bind.host for each in listeners if each.bind.kind == "tcp"]

    def plan_of(choice: Choice, hosts: Sequence[str]) -> Plan:
        return Plan(
            _development(choice, address),
            choice.spec,
            script_arguments,
            environ=_environ(choice),
            verbose=verbose,
            desk=_desk(choice, hosts or [address[0].host]),
        )

    newest = choice

    def plan_again() -> Plan:
        nonlocal newest
        newest = read_again()
        return plan_of(newest, hosts())

    server = DevSupervision(plan_of(choice, hosts()), plan_again, signals, listeners)

    def work(facts: Mapping[str, Any], channel: Channel) -> int:
        post = post_of(facts["post"])
        row = server.scoreboard.for_worker(post.row)
        # With what the modules have set when they were imported.
        plan = replace(plan_of(read_again(), facts["hosts"]), environ=dict(os.environ))
        return run_worker(plan, channel, post, scoreboard=row)

    if choice.dev.values.prepare:
        server.preparing = Preparing(work, hosts)
        server.attend_to(server.preparing)
    try:
        with signals, listeners, server:
            for duty in _duties(server, lambda: newest, started_at):
                server.attend_to(duty)
            return server.run()
    except InWorker as forked:
        # Its traceback would keep the supervisor's objects alive.
        new: InWorker | InProcess = forked.with_traceback(None)
    except InProcess as forked:
        new = forked.with_traceback(None)
    if isinstance(new, InProcess):
        return new.job()
    return run_worker(
        server.plans.of(new.post.generation),
        new.channel,
        new.post,
        scoreboard=server.scoreboard.for_worker(new.post.row),
    )


def _duties(server: DevSupervision, newest: Callable[[], Choice], started_at: float) -> list[Duty]:
    choice = newest()
    values = choice.dev.values
    banner = Banner(started_at)
    base = _watched(choice)
    reloading = Reloading(server, base, banner)
    duties: list[Duty] = [reloading]
    if _or_debug(values.reload, choice):
        watch = FileWatch(
            reloading.on_change,
            base,
            lambda: [worker.pid for worker in server.fleet.workers],
            WatchOptions(is_polling_forced=values.polling),
        )
        reloading.use(watch)
        banner.watch = watch
        duties.append(watch)
    processes = Processes(
        lambda: newest().dev.values.processes,
        lambda: {**newest().environ, **({"UNCORK_URL": server.url} if server.url else {})},
    )
    opening = BrowserOpening()

    def restart(now: float) -> None:
        processes.start_ended(now)
        reloading.restart("restarted by hand")

    def open_page(now: float) -> None:
        del now
        if server.url is not None:
            opening.open(server.url)

    def quit_now(now: float) -> None:
        del now
        server.end(at_once=False)

    keys = Keys(
        Terminal.of_this_process(),
        server.channels.tell,
        {
            "r": Key("restart the app", restart),
            "o": Key("open it in the browser", open_page),
            "q": Key("quit", quit_now),
        },
        server.excuse,
        lambda: server.end(at_once=False),
    )
    banner.keys = keys.hint
    return [*duties, processes, opening, keys]


def _development(choice: Choice, address: tuple[Any, Origin]) -> ResolvedSettings:
    """The settings as they are while one develops: what is for production alone has no say."""
    bind, origin = address
    is_local = _is_local_https(choice)
    values = replace(
        choice.resolved.values,
        bind=(bind,),
        workers=1,
        threads=choice.resolved.values.threads if choice.dev.values.with_threads else 1,
        cert=ADHOC if is_local else choice.dev.values.cert,
        key=choice.dev.values.key,
        user=None,
        group=None,
        admin=None,
        preload="off",
        request_timeout=None,
        request_timeouts=(),
        access_log="-",
        access_log_format="terminal",
        request_ids="none",
        error_log=None,
        once=(),
    )
    origins = {
        **choice.resolved.origins,
        "bind": origin,
        "workers": _DEV,
        "cert": choice.dev.origins["https" if is_local and not choice.dev.values.cert else "cert"],
        "key": choice.dev.origins["key"],
    }
    return replace(choice.resolved, values=values, origins=origins)


def _is_local_https(choice: Choice) -> bool:
    values = choice.dev.values
    return values.cert == ADHOC or (values.https and values.cert is None)


def _environ(choice: Choice) -> dict[str, str]:
    """What a worker finds in its environment: made anew each time, so nothing old stays."""
    # Code that is not to run twice under Werkzeug's reloader asks for the second one.
    own = {"WERKZEUG_RUN_MAIN": "true"}
    if not choice.dev.origins["debug"].is_default or "FLASK_DEBUG" not in choice.environ:
        own["FLASK_DEBUG"] = "1" if choice.dev.values.debug else "0"
    return {**choice.environ, **own}


def _desk(choice: Choice, hosts: Sequence[str]) -> DevelopmentDesk:
    values = choice.dev.values
    policy = DebuggerPolicy(
        is_wanted=_or_debug(values.debugger, choice),
        is_for_network=values.debugger_on_network,
        hosts=tuple(hosts),
        project=project_root(Path.cwd()),
    )

    def facts(app: WSGIApplication | None, error: BaseException | None) -> Mapping[str, Any]:
        said = WatchList.of(extra=desk.said.extra_files, exclude=desk.said.exclude_patterns)
        told = {"watch": (what_to_watch(app, error) | said).facts()}
        if app is not None and values.prepare:
            told["prepare"] = Wanted.of_this_process().facts()
        return told

    desk = DevelopmentDesk(
        policy,
        is_live=values.live,
        is_debugger_set=not choice.dev.origins["debugger"].is_default,
        facts=facts,
    )
    return desk


def _watched(choice: Choice) -> WatchList:
    values = choice.dev.values
    text = (choice.spec.text or "").partition(":")[0]
    start = Path(text) if text.endswith(".py") and Path(text).exists() else Path.cwd()
    named = [values.env_file] if values.env_file else []
    return project_list(start) | WatchList.of(
        extra=values.extra_files,
        exclude=values.exclude_patterns,
        environment=named,
        settings=choice.resolved.files,
    )


def _or_debug(value: bool | None, choice: Choice) -> bool:
    return choice.dev.values.debug if value is None else value
