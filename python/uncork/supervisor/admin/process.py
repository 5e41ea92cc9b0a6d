"""The whole life of the admin process: it serves one small application of uncork's own."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace

from uncork.settings import Settings
from uncork.supervisor.admin.app import AdminApp
from uncork.supervisor.admin.link import AdminLink
from uncork.supervisor.admin.observed import ObservedServer
from uncork.supervisor.channel import Channel
from uncork.supervisor.ending import end_process
from uncork.supervisor.privileges import give_up_root
from uncork.supervisor.scoreboard import Scoreboard
from uncork.supervisor.signals import ACTIONS
from uncork.supervisor.supervisor_signals import hear_from_here
from uncork.worker import Worker, worker_settings

_KIB = 1024
# Whoever asks for health or metrics is one of a few, and is answered in milliseconds.
_SETTINGS = replace(
    Settings(),
    threads=4,
    queue=64,
    queue_timeout=5.0,
    max_connections=256,
    max_body=64 * _KIB,
    max_head=16 * _KIB,
)
# A scrape that runs when the server has ended may finish.
_DRAIN_SECONDS = 0.5
_STOP_SECONDS = 0.5


def run_admin(
    channel: Channel, descriptors: Sequence[int], scoreboard: Scoreboard, settings: Settings
) -> int:
    """Answers until the supervisor has ended it, or is no more; the exit code, which is 0.

    Args:
        channel: To the supervisor.
        descriptors: Where to listen; closed here.
        scoreboard: Where the workers show what they do.
        settings: Whose rights to have.

    Raises:
        UncorkError: It could not be served.
    """
    # A terminal or a service manager may send them to every process, and this one is to answer
    # while the workers drain. It keeps nothing that a kill could harm.
    for number in ACTIONS:
        signal.signal(number, signal.SIG_IGN)
    hear_from_here()
    give_up_root(settings)
    link = AdminLink(channel)
    try:
        worker = Worker(
            AdminApp(ObservedServer(link, scoreboard)), descriptors, worker_settings(_SETTINGS)
        )
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    worker.start()
    link.listen()
    worker.drain()
    if not worker.join(_DRAIN_SECONDS):
        worker.stop()
        if not worker.join(_STOP_SECONDS):
            end_process(0)
    return 0
