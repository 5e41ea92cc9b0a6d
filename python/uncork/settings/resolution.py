"""Every source put together: the strongest one that gives a value wins.

This is the only place that knows the order of the sources. An overridden value is not read:
a certificate that only the server has must not stop `--cert adhoc` elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uncork.errors import UsageError
from uncork.settings.bad_value import BadValueError
from uncork.settings.declarations import Declaration, Settings, declarations
from uncork.settings.dev_declarations import DevSettings, dev_declarations
from uncork.settings.dotenv_files import DotenvFile, read_dotenv_files
from uncork.settings.environment import Variables, read_dev_variables, read_variables
from uncork.settings.origin import DEFAULT, Given, Origin, Source
from uncork.settings.settings_file import SettingsFile, find_settings_file, read_settings_file

_FLAG_STRENGTH = 500
_ENVIRONMENT_STRENGTH = 400


@dataclass(frozen=True)
class ResolvedSettings:
    """The settings to run with, and where each came from.

    Attributes:
        values: The settings.
        origins: The origin of each field of `values`.
        dotenv: What the `.env` files set, for the application's own environment; what the
            process's environment sets is not in it.
        files: The files that were read, the stronger one first.
        warnings: What the user should be told, as sentences.
    """

    values: Settings
    origins: Mapping[str, Origin]
    dotenv: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResolvedDevSettings:
    """The settings of a development server, and where each came from."""

    values: DevSettings
    origins: Mapping[str, Origin]


def resolve(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    directory: Path,
    env_file: Path | None = None,
) -> ResolvedSettings:
    """The settings from every source.

    Args:
        flags: What the command line gave, by the field of `Settings`; `None` and an empty
            tuple mean that the flag was not given.
        environ: The process's environment.
        directory: The working directory, absolute: files are looked for from there upwards.
        env_file: One more `.env` file.

    Raises:
        UsageError: A value, a key, a variable or a file is wrong; it says where.
    """
    dotenv_files = read_dotenv_files(environ, directory, env_file)
    chain = _chain(environ, dotenv_files)
    sources = _sources(flags, chain)
    settings_file = _settings_file(sources, directory)
    if settings_file:
        sources.append(settings_file.source)
    values, origins = _merged(sources, declarations())
    settings = Settings(**values)  # type: ignore[arg-type]  # each kind reads its field's type
    _check_tls(settings, origins)
    files: list[DotenvFile | SettingsFile] = [*dotenv_files]
    if settings_file:
        files.append(settings_file)
    return ResolvedSettings(
        settings,
        origins,
        _dotenv_values(chain),
        tuple(file.path for file in files),
        tuple(warning for file in files for warning in file.warnings),
    )


def resolve_dev(
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    directory: Path,
    env_file: Path | None = None,
) -> ResolvedDevSettings:
    """The settings of a development server; as `resolve` does, from the same sources.

    `flags` has those of `Settings` as well: one names the file.

    Raises:
        UsageError: A value, a key, a variable or a file is wrong; it says where.
    """
    chain = _chain(environ, read_dotenv_files(environ, directory, env_file))
    names = {each.field for each in dev_declarations()}
    own = {name: raw for name, raw in flags.items() if name in names}
    others = {name: raw for name, raw in flags.items() if name not in names}
    settings_file = _settings_file(_sources(others, chain), directory)
    sources = [_from_flags(own, dev_declarations()), *map(read_dev_variables, chain)]
    if settings_file:
        sources.append(settings_file.dev)
    values, origins = _merged(sources, dev_declarations())
    settings = DevSettings(**values)  # type: ignore[arg-type]  # each kind reads its field's type
    _check_tls(settings, origins)
    return ResolvedDevSettings(settings, origins)


def _chain(environ: Mapping[str, str], files: Sequence[DotenvFile]) -> list[Variables]:
    process = Variables("environment", environ, _ENVIRONMENT_STRENGTH)
    return [process, *(file.variables for file in files)]


def _sources(flags: Mapping[str, object], chain: Sequence[Variables]) -> list[Source]:
    own = _from_flags(flags, declarations())
    return [own, *(read_variables(chain, i) for i in range(len(chain)))]


def _from_flags(flags: Mapping[str, object], declared: Sequence[Declaration]) -> Source:
    known = {declaration.field: declaration for declaration in declared}
    return {
        name: Given(raw, Origin("flag", f"`{known[name].flag}`", _FLAG_STRENGTH))
        for name, raw in flags.items()
        if raw is not None and raw != ()
    }


def _settings_file(sources: Sequence[Source], directory: Path) -> SettingsFile | None:
    named = next((source["config"] for source in sources if "config" in source), None)
    if named is None:
        return find_settings_file(directory)
    declaration = next(each for each in declarations() if each.field == "config")
    path = _read(declaration, named)
    return read_settings_file(directory / str(path), directory)


def _merged(
    sources: Sequence[Source], declared: Sequence[Declaration]
) -> tuple[dict[str, object], dict[str, Origin]]:
    values: dict[str, object] = {}
    origins: dict[str, Origin] = {}
    for declaration in declared:
        name = declaration.field
        given = next((source[name] for source in sources if name in source), None)
        values[name] = _read(declaration, given) if given else declaration.default
        origins[name] = given.origin if given else DEFAULT
    return values, origins


def _read(declaration: Declaration, given: Given) -> object:
    try:
        return declaration.kind.read(given.raw, given.folder)
    except BadValueError as error:
        raise _refusal(declaration, given, error) from None


def _refusal(declaration: Declaration, given: Given, error: BadValueError) -> UsageError:
    written = given.raw if given.typed is None else given.typed
    if isinstance(written, Mapping):
        written = [f"{name} = {value}" for name, value in written.items()]
    if isinstance(written, list | tuple):
        written = ", ".join(map(str, written))
    shown = str(written).lower() if isinstance(written, bool) else str(written)
    # A value of many lines or kilobytes is a slip; its beginning tells which.
    shown = shown if len(shown) <= 80 else shown[:80] + "…"
    shown = shown if shown.isprintable() else repr(shown)
    origin = given.origin
    what = f"`{declaration.name}` in {origin.text}" if origin.kind == "file" else origin.text
    return UsageError(f"bad value `{shown}` for {what}", cause=error.cause, hints=(error.hint,))


def _dotenv_values(chain: Sequence[Variables]) -> dict[str, str]:
    process, *files = chain
    merged: dict[str, str] = {}
    for variables in reversed(files):
        merged.update(variables.values)
    return {name: value for name, value in merged.items() if name not in process.values}


def _check_tls(settings: Settings | DevSettings, origins: Mapping[str, Origin]) -> None:
    cert, key = origins["cert"].text, origins["key"].text
    if settings.key and not settings.cert:
        raise UsageError(
            f"there is a key from {key}, and no certificate",
            hints=("name the certificate with `--cert FILE`",),
        )
    if settings.cert == "adhoc" and settings.key:
        raise UsageError(
            f"there is a key from {key}, and `adhoc` from {cert} makes its own",
            hints=("take one of the two out",),
        )
    if settings.cert and settings.cert != "adhoc" and not settings.key:
        raise UsageError(
            f"there is a certificate from {cert}, and no key",
            hints=("name the key with `--key FILE`",),
        )
