"""Settings: declared once, read from every source, each with its origin.

Nothing else in uncork reads the environment or a file for settings.
"""

from uncork.settings.bad_value import BadValueError
from uncork.settings.bind import Bind, parse_bind
from uncork.settings.data_folder import data_folder
from uncork.settings.declarations import Declaration, LoadAs, Preload, Settings, declarations
from uncork.settings.dev_declarations import DEV_PORT, DevSettings, dev_declarations
from uncork.settings.dev_processes import DevProcess
from uncork.settings.localhost_names import LOOPBACK_ADDRESSES, is_localhost_name
from uncork.settings.once import OnceProcess
from uncork.settings.origin import Origin
from uncork.settings.quantities import parse_duration
from uncork.settings.resolution import (
    ResolvedDevSettings,
    ResolvedSettings,
    resolve,
    resolve_dev,
)
from uncork.settings.runtime_folders import RuntimeFolder, runtime_folders
from uncork.settings.service_variables import ServiceVariables, with_passed_listeners
from uncork.settings.surroundings import HandoverVariable, Surroundings, take_surroundings

__all__ = [
    "DEV_PORT",
    "LOOPBACK_ADDRESSES",
    "BadValueError",
    "Bind",
    "Declaration",
    "DevProcess",
    "DevSettings",
    "HandoverVariable",
    "LoadAs",
    "OnceProcess",
    "Origin",
    "Preload",
    "ResolvedDevSettings",
    "ResolvedSettings",
    "RuntimeFolder",
    "ServiceVariables",
    "Settings",
    "Surroundings",
    "data_folder",
    "declarations",
    "dev_declarations",
    "is_localhost_name",
    "parse_bind",
    "parse_duration",
    "resolve",
    "resolve_dev",
    "runtime_folders",
    "take_surroundings",
    "with_passed_listeners",
]
