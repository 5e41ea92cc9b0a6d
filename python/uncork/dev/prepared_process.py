"""The life of a prepared process: it has imported what the app needs of others, and forks workers.

It has one thread, in which it waits. Nothing of the project's is ever imported here, so a worker
that is forked from it loads all of that anew.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from uncork.dev.prepared_modules import Wanted, environ_digest, others_path, strangers
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.fork_safety import open_descriptors, what_forbids_a_fork
from uncork.supervisor.forking import fork_sibling
from uncork.supervisor.process_title import set_process_title
from uncork.supervisor.template import draw_other_numbers

Work = Callable[[Mapping[str, Any], Channel], int]
"""What a worker does, given what it is to be and its channel; its exit code."""


def run_prepared(channel: Channel, wanted: Wanted, environ: Mapping[str, str], work: Work) -> int:
    """Returns in each worker only, with that one's exit code; signals are blocked all the time.

    Args:
        channel: To the supervisor; this process ends when that one is no more.
        wanted: What to import.
        environ: The environment to do it in.
        work: What the workers do.
    """
    set_process_title("uncork: prepared for the next worker", "uncork-prepared")
    os.environ.clear()
    os.environ.update(environ)
    opened = open_descriptors()
    try:
        with _silence():
            _import(wanted)
        reason = _own_ones(wanted) or _environment(wanted) or what_forbids_a_fork([], opened)
        if reason is not None:
            channel.send(Message(Kind.REFUSED, {"why": reason}))
            os._exit(0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        gc.collect()
        gc.freeze()  # what the collector never writes to stays shared
        channel.send(Message(Kind.PRELOADED))
        while True:
            messages = channel.receive(None)
            if messages is None:
                os._exit(0)
            for message in messages:
                if message.kind is Kind.FORK and (end := _fork(channel, message)):
                    facts = message.facts
                    break
            else:
                continue
            break
    except BaseException:
        # Deliberately not: a word. Workers are started without it then.
        os._exit(1)
    draw_other_numbers()
    return work(facts, end)


def _import(wanted: Wanted) -> None:
    before = list(sys.path)
    sys.path[:] = others_path(before)
    try:
        for name in wanted.modules:
            if name not in sys.modules:
                # Deliberately not: a failure. The app meets the same one, if it needs the module.
                with suppress(BaseException):
                    importlib.import_module(name)
    finally:
        sys.path[:] = before


def _own_ones(wanted: Wanted) -> str | None:
    found = sorted({*strangers(), *wanted.own.intersection(sys.modules)})
    return f"`{found[0]}` was imported too" if found else None


def _environment(wanted: Wanted) -> str | None:
    """Whether modules may have found something else here than in the worker.

    What they have set themselves is the same in both.
    """
    is_same = environ_digest() == wanted.environ
    return None if is_same else "the app changes its environment while it is loaded"


@contextmanager
def _silence() -> Iterator[None]:
    """What modules print when they are imported, the worker has printed already."""
    kept = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        for number, own in zip((1, 2), kept, strict=True):
            os.dup2(own, number)
        for descriptor in (nowhere, *kept):
            os.close(descriptor)


def _fork(channel: Channel, message: Message) -> Channel | None:
    """The worker's end of its channel, in the worker."""
    (descriptor,) = message.descriptors
    try:
        pid = fork_sibling()
    except OSError as error:
        channel.send(Message(Kind.FORKED, {"errno": error.errno}))
        os.close(descriptor)
        return None
    if not pid:
        channel.close()
        return Channel.of_descriptor(descriptor)
    os.close(descriptor)
    channel.send(Message(Kind.FORKED, {"pid": pid}))
    return None
