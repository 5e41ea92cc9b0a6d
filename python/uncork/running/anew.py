"""Has the program of one call of `uncork.run` run again by `uncork dev`, in this very process.

The process becomes another program and is not forked, so nothing of the app stays behind it: the
supervisor never has the app, and survives what that does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn

from uncork.errors import EnvironmentProblem
from uncork.running.calling import NAME, Call
from uncork.running.values import DEFAULT_HOST
from uncork.settings import resolve_dev
from uncork.settings.process_start import ProcessStart, environ_at_start, process_start
from uncork.supervisor.ending import LastFunctions
from uncork.supervisor.forking import become_program


def why_not() -> str | None:
    """Why the program can't be run again from its beginning; `None` if it can."""
    if threading.current_thread() is not threading.main_thread():
        return (
            "that runs the whole program again, and only the main thread can ask for it; "
            "call it there, or with `use_reloader=False`"
        )
    if multiprocessing.parent_process() is not None:
        return "this process is a part of the program, which only starts as a whole"
    if process_start().kind == "other":
        return "that runs the program again, and it is not in a file"
    return None


def become_dev(call: Call) -> NoReturn:
    """Becomes `uncork dev`, which runs the program and catches the call.

    Raises:
        EnvironmentProblem: The machine refuses.
    """
    start = process_start()
    command = command_for(call, start)
    environ = environ_for(call)
    folder = _folder_at_start(start)
    # This is the program's end, as far as it knows.
    LastFunctions().run()
    try:
        if folder is not None:
            os.chdir(folder)
        become_program(command, environ, [])
    except OSError as error:
        raise EnvironmentProblem(
            f"`{NAME}` could not start the reloader",
            cause=(error.strerror or str(error)).lower(),
            hints=("`use_reloader=False` serves without it",),
        ) from None


def command_for(call: Call, start: ProcessStart) -> list[str]:
    """The command line of `uncork dev`; what has no flag, the call says again when it is caught."""
    given = call.given
    host, port = _address(call)
    flags: list[str] = []
    if host is not None:
        flags += ["--host", host]
    if port is not None:
        flags += ["--port", str(port)]
    flags.append("--reload")  # which is asked for, be it without debug
    flags.append("--debugger" if call.uses_debugger else "--no-debugger")
    for flag, texts in (
        ("--extra-files", call.extra_files),
        ("--exclude-patterns", call.exclude_patterns),
    ):
        if texts:
            flags += [flag, os.pathsep.join(texts)]
    if given.threads == 1:
        flags.append("--without-threads")
    if given.is_adhoc_tls:
        flags += ["--cert", "adhoc"]
    elif given.certificate is not None:
        flags += ["--cert", str(given.certificate), "--key", str(given.key)]
    program = ["dev", _program(start), "--as", "script", *flags]
    arguments = ["--", *start.arguments] if start.arguments else []
    return [sys.executable, *start.flags, "-m", "uncork", *program, *arguments]


def _address(call: Call) -> tuple[str | None, int | None]:
    """As `app.run()` would have it, where nothing is set; a port that is given must be free."""
    given = call.given
    if given.unix_socket is not None:
        return f"unix://{given.unix_socket}", None
    origins = resolve_dev(
        flags={}, environ=environ_for(call), directory=Path.cwd(), env_file=None
    ).origins
    host, port = given.host, given.port
    if origins["host"].is_default and "`PORT`" not in origins["port"].text:
        host = host or call.server_name[0] or DEFAULT_HOST
    if origins["port"].is_default and port is None:
        port = call.server_name[1]
    return host, port


def environ_for(call: Call) -> dict[str, str]:
    """What this process was started with, and what the call says of it."""
    environ = dict(environ_at_start() or os.environ)
    environ["FLASK_DEBUG"] = "1" if call.debug else "0"
    if not call.reads_dotenv:
        environ["FLASK_SKIP_DOTENV"] = "1"
    return environ


def _program(start: ProcessStart) -> str:
    """What `--as script` takes: `python FOLDER` runs a file in it, and `python -m` a module."""
    main = Path(start.program) / "__main__.py"
    return str(main) if start.kind == "file" and main.is_file() else start.program


def _folder_at_start(start: ProcessStart) -> Path | None:
    """Where the program was started, if it is known: the program may have gone elsewhere."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if start.kind != "file" or file is None or Path(start.program).is_absolute():
        return None
    # Python makes it absolute by putting the folder before it.
    folder = str(file).removesuffix(f"{os.sep}{start.program}")
    return Path(folder or os.sep) if folder != file else None
