"""What a service manager such as systemd hands over in the environment.

Where it wants to be told what happens (sd_notify(3)), and listeners that it has opened
(sd_listen_fds(3)). Both are for the supervisor alone, so they are taken out: a program that the
application starts must not speak in uncork's name.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from uncork.errors import UsageError
from uncork.settings.bind import Bind
from uncork.settings.origin import Origin
from uncork.settings.resolution import ResolvedSettings

_FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START
_MOST_DESCRIPTORS = 1024
_WITHOUT_NAME = "unknown"  # as sd_listen_fds_with_names(3) has it
_PASSED = Origin("environment", "`LISTEN_FDS`", strength=399)


@dataclass(frozen=True)
class ServiceVariables:
    """What was handed over.

    Attributes:
        notify_socket: Where to tell; `None`: nobody listens.
        watchdog_seconds: How long silence may last at the most; `None`: for ever.
        listeners: The descriptors of each name, in their order.
        environ: The variables that were taken out, as they were.
    """

    notify_socket: str | None = None
    watchdog_seconds: float | None = None
    listeners: Mapping[str, Sequence[int]] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def descriptors(self) -> list[int]:
        """Every descriptor, in order."""
        return sorted(number for numbers in self.listeners.values() for number in numbers)


def take_service_variables(environ: MutableMapping[str, str], pid: int) -> ServiceVariables:
    """What was handed over to the process `pid`; its variables are gone from `environ` then.

    Raises:
        UsageError: A number is none.
    """
    taken = {name: environ.pop(name) for name in _NAMES if name in environ}
    return ServiceVariables(
        taken.get("NOTIFY_SOCKET") or None, _watchdog(taken, pid), _listeners(taken, pid), taken
    )


def with_passed_listeners(
    resolved: ResolvedSettings, service: ServiceVariables
) -> ResolvedSettings:
    """The settings, with what was handed over in the place of names and of the default address.

    Raises:
        UsageError: There is no listener of a name.
    """
    values, origins = resolved.values, resolved.origins
    if origins["bind"].is_default and service.descriptors:
        binds = [Bind("fd", descriptor=number) for number in service.descriptors]
        values = replace(values, bind=tuple(binds))
        return replace(resolved, values=values, origins={**origins, "bind": _PASSED})
    if not any(bind.name for bind in values.bind):
        return resolved
    binds = []
    for bind in values.bind:
        if not bind.name:
            binds.append(bind)
            continue
        if bind.name not in service.listeners:
            raise _no_such(bind, service)
        numbers = service.listeners[bind.name]
        binds += [Bind("fd", descriptor=number) for number in numbers]
    return replace(resolved, values=replace(values, bind=tuple(binds)))


_NAMES = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
)


def _watchdog(taken: Mapping[str, str], pid: int) -> float | None:
    if not taken.get("WATCHDOG_USEC") or not _is_for(taken, "WATCHDOG_PID", pid):
        return None
    microseconds = _number(taken, "WATCHDOG_USEC")
    return microseconds / 1e6 if microseconds else None


def _listeners(taken: Mapping[str, str], pid: int) -> dict[str, tuple[int, ...]]:
    if not taken.get("LISTEN_FDS") or not _is_for(taken, "LISTEN_PID", pid):
        return {}
    count = _number(taken, "LISTEN_FDS")
    if count > _MOST_DESCRIPTORS:
        raise _refusal(taken, "LISTEN_FDS")
    names = taken.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, tuple[int, ...]] = {}
    for place in range(count):
        name = (names[place] if place < len(names) else "") or _WITHOUT_NAME
        found[name] = (*found.get(name, ()), _FIRST_DESCRIPTOR + place)
    return found


def _is_for(taken: Mapping[str, str], variable: str, pid: int) -> bool:
    """Whether it is meant for this process, and not for one that has started it."""
    return not taken.get(variable) or taken[variable] == str(pid)


def _number(taken: Mapping[str, str], variable: str) -> int:
    if taken[variable].isascii() and taken[variable].isdecimal():
        return int(taken[variable][:18])
    raise _refusal(taken, variable)


def _refusal(taken: Mapping[str, str], variable: str) -> UsageError:
    return UsageError(
        f"bad value `{taken[variable]}` for `{variable}`",
        cause="service managers such as systemd set it, to a number",
        hints=("take it out if there is no service manager",),
    )


def _no_such(bind: Bind, service: ServiceVariables) -> UsageError:
    names = ", ".join(f"`{name}`" for name in service.listeners)
    return UsageError(
        f"there is no listener for `{bind.text}`",
        cause=f"the service manager has handed over {names}"
        if names
        else "no service manager has handed one over to this process (`LISTEN_FDS`)",
        hints=(
            "`FileDescriptorName=` in the `.socket` unit is the name; without it, the unit's own "
            "name is, as in `fd://hello.socket`",
        ),
    )
