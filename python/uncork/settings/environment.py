"""Settings from variables, whether of the process or of a `.env` file.

Both are `Variables`, strongest first in a chain. A variable that is set but empty counts as
not set, as in the shell's `${NAME:-default}`. An `UNCORK_*` name that is no setting's is an
error: a slip of the pen must not pass in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from uncork.errors import UsageError
from uncork.settings.bind import DEFAULT_HOST, DEFAULT_PORT
from uncork.settings.declarations import declarations
from uncork.settings.dev_declarations import dev_declarations
from uncork.settings.origin import Given, Origin, OriginKind, Source
from uncork.settings.suggestion import did_you_mean

# Kubernetes and Docker set these for a service that is called `uncork` or `uncork-…`.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_LINK_NAME = re.compile(
    r"UNCORK(_[A-Z0-9]+)*_"
    r"(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
# What `uncork dev` tells the commands that run beside the app, which may be uncork's own.
_TOLD = "UNCORK_URL"
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True)
class Variables:
    """The variables of one source.

    Attributes:
        kind: `environment` or `dotenv`.
        values: What is set there.
        strength: Of the settings' own variables; those of other tools are a little weaker.
        places: For a file: the place of each variable, such as ".env:2".
    """

    kind: OriginKind
    values: Mapping[str, str]
    strength: int
    places: Mapping[str, str] = field(default_factory=dict)

    def origin(self, name: str, weaker_by: int = 0) -> Origin:
        """The origin of what the variable `name` sets."""
        place = self.places.get(name)
        text = f"`{name}` in {place}" if place else f"`{name}`"
        return Origin(self.kind, text, self.strength - weaker_by)


def read_variables(chain: Sequence[Variables], index: int) -> Source:
    """What the variables at `index` of the chain set.

    The weaker ones are needed because `FLASK_RUN_HOST` and `FLASK_RUN_PORT` make one
    address and may stand in different places.

    Raises:
        UsageError: An `UNCORK_*` variable is not a setting.
    """
    variables = chain[index]
    _refuse_unknown(variables)
    source: dict[str, Given] = {}
    for declaration in declarations():
        names = (declaration.variable, *declaration.also)
        for weaker_by, name in enumerate(names):
            if variables.values.get(name):
                source[declaration.field] = _given(chain[index:], name, weaker_by)
                break
    return source


def read_dev_variables(variables: Variables) -> Source:
    """What they set of a development server's own settings."""
    source: dict[str, Given] = {}
    for declaration in dev_declarations():
        names = (declaration.variable, *declaration.also)
        for weaker_by, name in enumerate(names):
            if text := variables.values.get(name):
                source[declaration.field] = Given(text, variables.origin(name, weaker_by))
                break
    return source


_HOST, _PORT = "FLASK_RUN_HOST", "FLASK_RUN_PORT"


def _given(chain: Sequence[Variables], name: str, weaker_by: int) -> Given:
    origin, text = chain[0].origin(name, weaker_by), chain[0].values[name]
    if name == "PORT":
        # The convention of hosting platforms: the port is given, and everybody may connect.
        return Given(f"0.0.0.0:{text}", origin, typed=text)
    if name in (_HOST, _PORT):
        return _flask_address(chain, origin)
    return Given(text, origin)


def _flask_address(chain: Sequence[Variables], origin: Origin) -> Given:
    found = {
        name: variables
        for name in (_HOST, _PORT)
        for variables in reversed(chain)
        if variables.values.get(name)
    }
    texts = {name: variables.values[name] for name, variables in found.items()}
    host, port = texts.get(_HOST, DEFAULT_HOST), texts.get(_PORT, str(DEFAULT_PORT))
    if host.startswith("unix://"):
        # Werkzeug reads `unix://run/app.sock` as the relative path `run/app.sock`.
        return Given("unix:" + host.removeprefix("unix://"), found[_HOST].origin(_HOST), typed=host)
    # Flask takes an IPv6 address without brackets here.
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    described = " and ".join(variables.origin(name).text for name, variables in found.items())
    typed = ":".join(texts.values())
    return Given(address, Origin(origin.kind, described, origin.strength), typed=typed)


def _refuse_unknown(variables: Variables) -> None:
    known = [each.variable for each in (*declarations(), *dev_declarations())]
    for name, value in variables.values.items():
        if not name.startswith("UNCORK_") or name in (*known, _TOLD) or _is_link(name, value):
            continue
        hints = (
            *did_you_mean(name, known),
            "take it out; `uncork serve --help` lists the settings",
        )
        raise UsageError(f"unknown variable {variables.origin(name).text}", hints=hints)


def _is_link(name: str, value: str) -> bool:
    if name.endswith("_PORT") and _LINK_VALUE.match(value):
        return True
    return bool(_LINK_NAME.fullmatch(name))
