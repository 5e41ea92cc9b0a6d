"""Where each thread of this process is in Python code: for whoever asks the worker.

Told by a thread of uncork's own, so it takes the interpreter for a moment. When somebody keeps
that, `faulthandler` tells instead: its handler runs without it, and writes into a file that the
supervisor has open too.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import traceback
from types import FrameType
from typing import Any, Literal

Role = Literal["app", "main", "own", "other"]
"""Whose code a thread is in: a request's, that of the main thread, uncork's, or another's."""

# A real-time signal, since those have no meaning of their own. macOS has none.
DUMP_SIGNAL: int | None = int(signal.SIGRTMIN) + 5 if hasattr(signal, "SIGRTMIN") else None
_FRAMES_TOLD = 100
# A message to the supervisor has a mebibyte at the most.
_CHARACTERS_TOLD = 400_000


def thread_stacks() -> list[dict[str, Any]]:
    """The facts of each thread that is in Python code, those that serve requests first."""
    known = {thread.ident: thread for thread in threading.enumerate()}
    here = threading.get_ident()
    told = [
        _facts(identifier, frame, known.get(identifier))
        for identifier, frame in sys._current_frames().items()
        if identifier != here
    ]
    order = ("app", "other", "main", "own")
    told.sort(key=lambda facts: order.index(facts["role"]))
    left = _CHARACTERS_TOLD
    for facts in told:
        left -= len(facts["stack"])
        if left < 0:
            facts["stack"] = "  (too many threads to show them all)\n"
    return told


def offer_dumps() -> int | None:
    """A descriptor of a file into which `DUMP_SIGNAL` has the stacks written from now on.

    It has to stay open. `None`: this system has no such signal or no such files.
    """
    if DUMP_SIGNAL is None or not hasattr(os, "memfd_create"):
        return None
    try:
        descriptor = os.memfd_create("uncork-stacks")
    except OSError:
        return None
    faulthandler.register(DUMP_SIGNAL, file=descriptor, all_threads=True, chain=False)
    return descriptor


def _facts(identifier: int, frame: FrameType, thread: threading.Thread | None) -> dict[str, Any]:
    role = _role(frame, thread)
    name = "app thread" if thread is None or role == "app" else thread.name
    try:
        frames = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=_FRAMES_TOLD)
        frames.reverse()
        stack = "".join(frames.format())
    except Exception as error:  # whatever has loaded the app's modules is asked for their source
        stack = f"  (could not be read: {type(error).__name__})\n"
    return {
        "ident": identifier,
        "native_id": thread.native_id if thread is not None else None,
        "name": name,
        "role": role,
        "stack": stack,
    }


def _role(frame: FrameType, thread: threading.Thread | None) -> Role:
    if thread is not None and thread.name.startswith("uncork-"):
        return "own"
    if thread is threading.main_thread():
        is_own = str(frame.f_globals.get("__name__")).startswith("uncork.")
        return "own" if is_own else "main"
    # Python's own threads begin in `threading`, and those of the native core in the app.
    while frame.f_back is not None:
        frame = frame.f_back
    return "other" if frame.f_globals.get("__name__") == "threading" else "app"
