"""The settings that only a development server has, declared as the others are.

In a file they stand in the table `dev`, and `port` there is `UNCORK_DEV_PORT` in the environment.
Those of `flask run` have its names and hear its variables too.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache

from uncork.settings.declarations import Declaration, declaration_of, setting
from uncork.settings.dev_processes import DevProcess, DevProcesses
from uncork.settings.kinds import Count, FilePath, Names, Switch, Text

DEV_TABLE = "dev"
DEV_PORT = 5000

_ADDRESS = "Address"
_RELOADING = "Reloading"
_BROWSER = "Browser"
_APP = "Application"


@dataclass(frozen=True)
class DevSettings:
    """The value of each of them."""

    host: str | None = setting(
        None,
        Text("HOST", "a name or an address"),
        _ADDRESS,
        "The name or the address to listen on. "
        "By default `127.0.0.1`, which nobody but this machine reaches; in a container, where that "
        "would be nobody at all, `0.0.0.0`.",
        also=("FLASK_RUN_HOST",),
    )
    port: int | None = setting(
        None,
        Count(0, 65535),
        _ADDRESS,
        "The port to listen on. By default 5000, or the next one that is free.",
        short_flag="-p",
        also=("FLASK_RUN_PORT", "PORT"),
    )
    https: bool = setting(
        False,
        Switch(),
        _ADDRESS,
        "Whether to serve HTTPS, with a certificate of your own local authority. "
        "It is made once and kept in your data folder, and so is the certificate; `uncork trust` "
        "says how to make browsers believe them. With `cert`, that certificate is served with.",
    )
    cert: str | None = setting(
        None,
        FilePath(word="adhoc"),
        _ADDRESS,
        "The certificate chain, in a PEM file; switches TLS on. `adhoc` means the same as `https`.",
        also=("FLASK_RUN_CERT",),
    )
    key: str | None = setting(
        None,
        FilePath(),
        _ADDRESS,
        "The private key of the certificate, in a PEM file.",
        also=("FLASK_RUN_KEY",),
    )
    debug: bool = setting(
        True,
        Switch(),
        _APP,
        "Flask's debug mode, and with it the default of `reload` and `debugger`.",
        also=("FLASK_DEBUG",),
    )
    with_threads: bool = setting(
        True,
        Switch(),
        _APP,
        "Whether several requests run at once.",
        also=("FLASK_RUN_WITH_THREADS",),
    )
    env_file: str | None = setting(
        None,
        FilePath(),
        _APP,
        "A file of environment variables, which come before those of `.env` and `.flaskenv`.",
        also=("FLASK_ENV_FILE",),
        is_in_files=False,
    )
    processes: tuple[DevProcess, ...] = setting(
        (),
        DevProcesses(),
        _APP,
        "Commands that run beside the app, such as a watcher of style sheets. "
        "What they print stands in the same terminal behind their names, and one Ctrl+C ends all. "
        "In a file, the table `[tool.uncork.dev.processes]`.",
    )
    reload: bool | None = setting(
        None,
        Switch(),
        _RELOADING,
        "Whether the app is loaded anew when its files change. By default, with `debug`.",
        also=("FLASK_RUN_RELOAD",),
    )
    extra_files: tuple[str, ...] = setting(
        (),
        Names("PATH", "paths, with `:` between them; in a file, an array"),
        _RELOADING,
        "More files, folders or globs to watch, each change of which loads the app anew.",
        also=("FLASK_RUN_EXTRA_FILES",),
    )
    exclude_patterns: tuple[str, ...] = setting(
        (),
        Names("PATTERN", "patterns, with `:` between them; in a file, an array"),
        _RELOADING,
        "Files that are not watched, by `fnmatch` of their whole path or of that in the project.",
        also=("FLASK_RUN_EXCLUDE_PATTERNS",),
    )
    polling: bool = setting(
        False,
        Switch(),
        _RELOADING,
        "Whether files are looked at again and again, even where the system tells of changes.",
    )
    prepare: bool = setting(
        True,
        Switch(),
        _RELOADING,
        "Whether a process is kept ready that has imported the installed packages of the app. "
        "The next worker is forked from it, and loads the project's own modules only. There is "
        "none while one of the packages holds a thread or a connection. Needs Linux.",
    )
    debugger: bool | None = setting(
        None,
        Switch(),
        _BROWSER,
        "Whether errors are shown with Werkzeug's debugger. By default, with `debug`. "
        "Other machines never get it, unless `debugger_on_network` is set.",
        also=("FLASK_RUN_DEBUGGER",),
    )
    debugger_on_network: bool = setting(
        False,
        Switch(),
        _BROWSER,
        "Whether other machines get the debugger too. "
        "Whoever has its PIN can run anything on this machine.",
    )
    live: bool = setting(
        True,
        Switch(),
        _BROWSER,
        "Whether open pages follow each change by themselves.",
    )


@cache
def dev_declarations() -> tuple[Declaration, ...]:
    """The declaration of each, in the order of the fields."""
    return tuple(declaration_of(field, DEV_TABLE) for field in dataclasses.fields(DevSettings))
