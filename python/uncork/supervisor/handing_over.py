"""Puts together what outlives a supervisor that becomes another program, and takes it apart.

What goes along, `handover.py` says; each part hands over its own, and takes it over.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from uncork.supervisor.at_start import at_start, warn_of_changed
from uncork.supervisor.elections import Elections
from uncork.supervisor.fleet import Fleet
from uncork.supervisor.granting import Granting
from uncork.supervisor.handover import Handover
from uncork.supervisor.listeners import Listeners
from uncork.supervisor.plans import Plans
from uncork.supervisor.reload_history import ReloadHistory
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.status_report import Start
from uncork.supervisor.worker_channels import WorkerChannels


@dataclass(frozen=True)
class HandingOver:
    """The parts of a server that go on in the next program of its process.

    Attributes:
        listeners: By the name that each set of them is handed over with; there may come more.
    """

    plans: Plans
    fleet: Fleet
    channels: WorkerChannels
    granting: Granting
    scoreboard: Scoreboard
    elections: Elections
    reloads: ReloadHistory
    start: Start
    listeners: dict[str, Listeners] = field(default_factory=dict)

    def hand_over(self) -> Handover:
        """What the next program goes on with."""
        assert self.fleet.serving is not None
        channels = self.channels.hand_over()
        count = self.plans.count_by_now(self.fleet.wanted)
        return Handover(
            listeners={name: each.hand_over() for name, each in self.listeners.items()},
            workers=[(handle, channels.get(handle.pid)) for handle in self.fleet.workers],
            generation=self.fleet.serving.number,
            last_generation=self.plans.last,
            loaded=self.granting.loaded,
            at_start=at_start(self.plans.settings),
            started=(self.start.at, self.start.time_of_day),
            restarts=dict(self.fleet.restarts),
            reloads=dict(self.reloads.outcomes),
            scoreboard=self.scoreboard.hand_over(),
            elections=self.elections.hand_over(),
            scaled_to=count.number if count.is_scaled else None,
        )

    def take_over(self, handover: Handover) -> None:
        """Goes on where an earlier program was; its workers are those of an old generation."""
        number = handover.generation
        self.plans.go_on_as(number, handover.last_generation, workers=handover.scaled_to)
        for name, listeners in self.listeners.items():
            listeners.take_over(handover.listeners.get(name, ()))
        self.channels.take_over({handle.pid: each for handle, each in handover.workers if each})
        self.fleet.adopt(self.plans.generation(number), [handle for handle, _ in handover.workers])
        self.fleet.restarts.update(handover.restarts)
        self.reloads.outcomes.update(handover.reloads)
        if handover.scoreboard is not None:
            self.scoreboard.take_over(handover.scoreboard)
        self.elections.take_over(handover.elections)
        self.granting.loaded = handover.loaded
        self.start.take_over(handover.started)
        warn_of_changed(handover.at_start, self.plans.settings, "restart")
