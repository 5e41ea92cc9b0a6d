"""What each generation is started with: its settings, its app and how many workers it has.

There is one that serves, and perhaps a newer one that is tried. Which one serves, the fleet
decides; here is only what is to be looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from uncork.settings import Settings
from uncork.supervisor.fleet import Generation
from uncork.supervisor.worker_count import WorkerCount, scaled_to, worker_count
from uncork.supervisor.worker_process import Plan


class Plans:
    """The plans of the generations that there are, by their numbers.

    Args:
        first: Of generation 1, which is tried alone.

    Attributes:
        last: The highest number that was given so far.
    """

    def __init__(self, first: Plan) -> None:
        self.last = 1
        self._plans = {1: first}
        self._counts = {1: worker_count(first.resolved)}
        # For the next generation alone.
        self._scaled: WorkerCount | None = None

    @property
    def numbers(self) -> Collection[int]:
        """The generations that there are."""
        return self._plans.keys()

    @property
    def serving(self) -> int:
        """The generation that serves, or the first one, which is to."""
        return min(self._plans)

    @property
    def settings(self) -> Settings:
        """Those that are served with by now."""
        return self.settings_of(self.serving)

    @property
    def newest_settings(self) -> Settings:
        """Those that were read last, which are perhaps only tried."""
        return self.settings_of(max(self._plans))

    def of(self, generation: int) -> Plan:
        """What a generation is started with."""
        return self._plans[generation]

    def settings_of(self, generation: int) -> Settings:
        """What a generation is served with."""
        return self._plans[generation].resolved.values

    def count_of(self, generation: int) -> WorkerCount:
        """How many workers a generation is to have."""
        return self._counts[generation]

    def count_by_now(self, wanted: int) -> WorkerCount:
        """How many workers are to serve, and why, if it is known that there are to be `wanted`."""
        planned = self.count_of(self.serving)
        return planned if planned.number == wanted else scaled_to(wanted)

    def set_count(self, generation: int, count: WorkerCount) -> None:
        """Has so many, now that more is known of what they would serve."""
        self._counts[generation] = count

    def generation(self, number: int) -> Generation:
        """What of a plan matters to the fleet."""
        values = self.settings_of(number)
        workers = self._counts[number].number
        return Generation(number, workers, values.boot_timeout, values.graceful_timeout)

    def add(self, plan: Plan) -> int:
        """The number of a new generation, which takes the place of one that is being tried."""
        serving = self.serving
        self._drop(number for number in list(self._plans) if number > serving)
        self.last += 1
        self._plans[self.last] = plan
        self._counts[self.last] = self._scaled or worker_count(plan.resolved)
        self._scaled = None
        return self.last

    def take_effect(self, generation: int) -> None:
        """The generation serves from now on, and those before it do not."""
        self._drop(number for number in list(self._plans) if number < generation)

    def give_up(self, generation: int) -> None:
        """The generation is not tried any longer."""
        self._drop(number for number in list(self._plans) if number >= generation)

    def go_on_as(self, generation: int, last: int, *, workers: int | None = None) -> None:
        """Gives the only plan the number of a generation that an earlier program had.

        The next one, with which the restart ends, has as many workers as that one was scaled to.
        """
        ((plan, count),) = zip(self._plans.values(), self._counts.values(), strict=True)
        if workers is not None:
            count = self._scaled = scaled_to(workers)
        self._plans, self._counts = {generation: plan}, {generation: count}
        self.last = last

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            del self._plans[number]
            del self._counts[number]
