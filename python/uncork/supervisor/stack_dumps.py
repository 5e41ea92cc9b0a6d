"""What `faulthandler` has written of a worker's threads, in the form in which a worker tells it."""

from __future__ import annotations

import os
import re
from typing import Any

import uncork
from uncork.supervisor.thread_stacks import Role

_THREAD = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)(?: \[(.*)\])? \(most recent")
_FRAME = re.compile(r'  File "(.*)", line (\d+|\?\?\?) in (.*)')


def parse_dump(text: str) -> list[dict[str, Any]]:
    """The facts of each thread, as `thread_stacks` has them; names and sources are not known."""
    threads: list[dict[str, Any]] = []
    frames: list[str] = []
    for line in text.splitlines():
        if found := _THREAD.match(line):
            frames = []
            name, ident = found[2] or "thread", int(found[1], 16)
            threads.append({"ident": ident, "native_id": None, "name": name, "stack": frames})
        elif line.strip():
            frames.append(line)
    told = [each for each in threads if each["stack"] != ["  <no Python frame>"]]
    for each in told:
        each["role"] = _role(each["stack"])
        each["stack"] = "".join(map(_as_python_has_it, reversed(each["stack"])))
    return told


def _as_python_has_it(frame: str) -> str:
    return _FRAME.sub(r'  File "\1", line \2, in \3', frame) + "\n"


def _role(frames: list[str]) -> Role:
    """As `thread_stacks` has it, as far as it can be told by files; the innermost is the first."""
    files = [found[1] for frame in frames if (found := _FRAME.fullmatch(frame))]
    folder = os.path.join(os.path.dirname(uncork.__file__), "")  # noqa: PTH118, PTH120 (a prefix)
    # What it waits in may be one of Python's own modules.
    if any(file.startswith(folder) for file in files[:2]):
        return "own"
    if files and files[-1].endswith(os.sep + "threading.py"):
        return "other"
    return "main" if any(file.startswith(folder) for file in files) else "app"
