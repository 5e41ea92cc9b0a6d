"""What a worker that has loaded the app is answered: what it serves with, or why it can't.

Only now is it known what the app itself wants of the settings, and how much memory it takes. So
here the address is bound, unless that was done before; the certificate is read; and the number
of workers is settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from uncork import console
from uncork.errors import UncorkError
from uncork.settings import Bind, Settings, parse_bind
from uncork.supervisor.certificates import ADHOC, LOCAL, Identity, load_identity
from uncork.supervisor.channel import Kind, Message
from uncork.supervisor.error_facts import facts_of_error
from uncork.supervisor.fleet import Fleet
from uncork.supervisor.listeners import ListenerOptions, Listeners
from uncork.supervisor.plans import Plans
from uncork.supervisor.privileges import rights_of, run_as
from uncork.supervisor.templates import Templates
from uncork.supervisor.titles import show_supervisor
from uncork.supervisor.worker_count import MemoryBudget, WorkerCount


class Granting:
    """Grants workers what they serve with.

    Args:
        plans: What they were started with.
        fleet: The workers.
        templates: Of which one may become one.
        listeners: Opened here when it is known where.

    Attributes:
        loaded: What a worker has told of the app it found, as `Kind.LOADED` has it; `None`: none
            has yet.
    """

    def __init__(
        self, plans: Plans, fleet: Fleet, templates: Templates, listeners: Listeners
    ) -> None:
        self.loaded: Mapping[str, Any] | None = None
        self._plans = plans
        self._fleet = fleet
        self._templates = templates
        self._listeners = listeners
        self._budget = MemoryBudget()
        self._identities: dict[int, Identity | None] = {}

    def bind_early(self) -> None:
        """Binds before the app is loaded, so that a taken port is told at once.

        Not with the default address, unless the app is imported for certain: a script that
        runs its own server may name another one.

        Raises:
            UncorkError: The address can't be listened on.
        """
        resolved = self._plans.of(self._plans.serving).resolved
        is_certain = resolved.values.load_as == "module"
        if is_certain or not resolved.origins["bind"].is_default:
            self._bind(resolved.values)

    def answer(self, pid: int, facts: Mapping[str, Any]) -> Message:
        """What a worker serves with, or why there is none, or that it is to be the template.

        Raises:
            ValueError, LookupError, TypeError: Those are not the facts of a worker.
        """
        self.loaded = facts
        generation = self._fleet.generation_of(pid)
        self._settle_count(generation, facts)
        if facts["may_be_template"] and self._templates.is_wanted(generation):
            return Message(Kind.TEMPLATE)
        show_supervisor(facts["name"])
        try:
            identity = self._identity(generation, facts)
            self._bind_for(generation, facts)
        except UncorkError as error:
            return Message(Kind.REFUSED, facts_of_error(error))
        granted = {
            "is_multiprocess": self._is_one_of_several(generation),
            "is_on_trial": self._fleet.is_on_trial(generation),
            "certificate": identity.certificate.decode() if identity else None,
            "key": identity.key.decode() if identity else None,
        }
        return Message(Kind.GRANTED, granted, self._listeners.descriptors)

    def forget_old(self) -> None:
        """Keeps no certificate of a generation that is not planned any more."""
        self._identities = {
            generation: identity
            for generation, identity in self._identities.items()
            if generation in self._plans.numbers
        }

    def _is_one_of_several(self, generation: int) -> bool:
        """Whether a worker of that generation is to serve beside others, as it looks by now."""
        serving = self._fleet.serving
        if serving is not None and serving.number == generation:
            return self._fleet.wanted > 1  # which may have been changed meanwhile
        return self._plans.count_of(generation).number > 1

    def _settle_count(self, generation: int, facts: Mapping[str, Any]) -> None:
        """How many workers there are to be, now that it is known what they would serve."""
        count = self._plans.count_of(generation)
        is_set = not self._plans.of(generation).resolved.origins["workers"].is_default
        may_reduce = not (is_set or count.is_scaled)
        if facts["memory_bytes"] is not None:  # of a first worker
            count = self._budget.bounded(count, facts["memory_bytes"], may_reduce=may_reduce)
        if facts["one_worker_reason"] and may_reduce:
            count = WorkerCount(1, facts["one_worker_reason"])
        if count != self._plans.count_of(generation):
            self._plans.set_count(generation, count)
            self._fleet.keep_to(generation, count.number)

    def _identity(self, generation: int, facts: Mapping[str, Any]) -> Identity | None:
        """Read once, so that all the workers of a generation show the same one."""
        if generation not in self._identities:
            settings = self._plans.settings_of(generation)
            host = parse_bind(facts["binds"][0]).host
            files = facts["certificate"], facts["key"]
            certificate, key = files
            if certificate == ADHOC and self._plans.of(generation).desk is not None:
                certificate = LOCAL  # while one develops, the next reload is to have the same
            with rights_of(settings, is_apps=files != (settings.cert, settings.key)):
                self._identities[generation] = load_identity(certificate, key, host=host)
        return self._identities[generation]

    def _bind_for(self, generation: int, facts: Mapping[str, Any]) -> None:
        if self._fleet.is_ending:
            return
        settings = self._plans.settings_of(generation)
        binds = tuple(parse_bind(text) for text in facts["binds"])
        if not self._listeners.is_open:
            with rights_of(settings, is_apps=binds != settings.bind):
                self._bind(replace(settings, bind=binds))
        elif self._plans.of(generation).desk is not None and facts["failure"] is None:
            self._bind_more(settings, binds)

    def _bind_more(self, settings: Settings, binds: Sequence[Bind]) -> None:
        """Where the script says so by now: it may not have been readable when this was bound.

        What is listened on stays so, as pages are open there. So where another host is said
        beside a port that is in use here, nothing changes.
        """
        asked = {listener.bind.text for listener in self._listeners}
        ports = {listener.bind.port for listener in self._listeners if listener.bind.kind == "tcp"}
        for bind in binds:
            if bind.text in asked:
                continue
            if bind.kind == "tcp" and bind.port in ports:
                console.note(f"`{bind.text}` is listened on after a restart of `uncork dev`")
            else:
                self._listeners.add(bind, _listener_options(settings))

    def _bind(self, settings: Settings) -> None:
        self._listeners.open(settings.bind, _listener_options(settings))


def _listener_options(settings: Settings) -> ListenerOptions:
    who = run_as(settings)
    owner = settings.unix_owner or (who.owner if who else None)
    return ListenerOptions(settings.backlog, settings.unix_mode, owner)
