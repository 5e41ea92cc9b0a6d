"""All probes, in the order of the tables."""

from __future__ import annotations

from benchmarks.behaviour.probe import Group, Probe
from benchmarks.behaviour.probes import (
    answers,
    environs,
    framing,
    pep3333,
    slow_clients,
    upgrades,
    uploads,
)

# Deliberately not: what happens to workers (reload, a killed worker, a request that hangs). Such
# a probe needs the server's processes and not its port alone; the group is one more line here.
GROUPS: tuple[Group, ...] = (
    slow_clients.GROUP,
    uploads.GROUP,
    framing.GROUP,
    answers.GROUP,
    pep3333.GROUP,
    environs.GROUP,
    upgrades.GROUP,
)
PROBES: tuple[Probe, ...] = tuple(probe for group in GROUPS for probe in group.probes)
