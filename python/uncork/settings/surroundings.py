"""What uncork finds in its environment beside settings, for the supervisor alone."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Literal

from uncork.settings.service_variables import ServiceVariables, take_service_variables

_HANDOVER = "_UNCORK_HANDOVER"

Purpose = Literal["check", "go on"]


@dataclass(frozen=True)
class HandoverVariable:
    """What a supervisor hands over to the program that its process becomes.

    Attributes:
        purpose: `check` only finds out whether that program could go on.
        pid: Of the supervisor.
        state: Its own text.
    """

    purpose: Purpose
    pid: int
    state: str

    def as_variable(self) -> dict[str, str]:
        """The variable that `take_surroundings` reads."""
        return {_HANDOVER: f"{self.purpose}:{self.pid}:{self.state}"}


@dataclass(frozen=True)
class Surroundings:
    """What was found.

    Attributes:
        service: From a service manager.
        handover: From the program that this process was; `None`: it has just been started.
        environ: The environment without the two and without what `.env` files add.
    """

    service: ServiceVariables = field(default_factory=ServiceVariables)
    handover: HandoverVariable | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    def environ_to_start_with(self, handover: HandoverVariable) -> dict[str, str]:
        """The environment for the next program, which finds what this one has found."""
        return {**self.environ, **self.service.environ, **handover.as_variable()}


def take_surroundings(environ: MutableMapping[str, str], pid: int) -> Surroundings:
    """What there is for the process `pid`; its variables are gone from `environ` then.

    Raises:
        UsageError: A number is none.
    """
    handover = _read(environ.pop(_HANDOVER, None))
    # A check is another process, which looks at what is the supervisor's.
    service = take_service_variables(environ, handover.pid if handover else pid)
    return Surroundings(service, handover, dict(environ))


def _read(text: str | None) -> HandoverVariable | None:
    if text is None:
        return None
    purpose, _, rest = text.partition(":")
    pid, _, state = rest.partition(":")
    if purpose not in ("check", "go on") or not pid.isdecimal():
        return None
    return HandoverVariable("check" if purpose == "check" else "go on", int(pid), state)
