"""The templates, as the supervisor knows them: at most one for each generation.

Asking one for a worker waits for the answer, so a worker's number is known before anything can
be heard of it. A template that does not answer is given up, and workers load the app themselves.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from uncork import console
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.deaths import Death
from uncork.supervisor.duty import Duty
from uncork.supervisor.forking import Post
from uncork.supervisor.orphans import adopt_orphans
from uncork.supervisor.plans import Plans

# The two forks of a process of some gigabytes take a tenth of a second.
_ANSWER_SECONDS = 5.0


@dataclass
class _Template:
    pid: int
    channel: Channel
    from_supervisor: int | None
    is_wanted: bool = True


class Templates(Duty):
    """The processes that have loaded the app and serve nothing.

    Args:
        plans: Say whether a generation is to have one.
    """

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._templates: dict[int, _Template] = {}
        self._seen: set[int] = set()

    @property
    def has_ended(self) -> bool:
        """Whether there is none."""
        return not self._templates

    @property
    def told(self) -> dict[int, tuple[int, int | None]]:
        """The processes that workers are forked from, by their generation.

        Of each its number, and how many bytes it has from the supervisor, if that is known.
        """
        return {
            generation: (template.pid, template.from_supervisor)
            for generation, template in self._templates.items()
            if template.is_wanted
        }

    def is_wanted(self, generation: int) -> bool:
        """Whether a generation is to have a template, if its app allows it: no second one."""
        preload = self._plans.settings_of(generation).preload
        if preload == "off" or generation in self._seen:
            return False
        if preload == "auto" and self._plans.count_of(generation).number == 1:
            return False  # which has nobody to share with
        if adopt_orphans():
            return True
        if preload == "on":
            console.warn("each worker imports the app by itself: preloading needs Linux")
        return False

    def adopt(self, generation: int, pid: int, channel: Channel, facts: Mapping[str, Any]) -> None:
        """A process has become the template of its generation; `facts` has what it said then."""
        told = facts.get("from_supervisor")
        self._seen.add(generation)
        self._templates[generation] = _Template(
            pid, channel, told if isinstance(told, int) else None
        )

    def spawn(self, post: Post) -> tuple[int, Channel] | None:
        """A new worker's process id and channel; `None`: there is no template to fork it.

        Raises:
            OSError: The machine refuses a process or descriptors.
        """
        template = self._templates.get(post.generation)
        if template is None or not template.is_wanted:
            return None
        try:
            return fork_from(template.channel, {"index": post.index, "row": post.row})
        except TimeoutError:
            console.warn(f"{_name(post.generation, template)} does not answer, and is ended")
            self._end(template)
        except EOFError:
            pass  # it has died, which will be told
        return None

    def on_logs(self, message: Message) -> None:
        """Tells all of them."""
        for template in self._templates.values():
            template.channel.send(message)

    def keep(self, generations: Collection[int]) -> None:
        """Ends the templates of all other generations."""
        for generation, template in self._templates.items():
            if template.is_wanted and generation not in generations:
                self._end(template)

    def on_death(self, pid: int, death: Death, now: float) -> bool:
        """Whether it was a template; one that nobody has ended is told."""
        del now
        found = [each for each, template in self._templates.items() if template.pid == pid]
        if not found:
            return False
        (generation,) = found
        template = self._templates.pop(generation)
        template.channel.close()
        if template.is_wanted:
            console.warn(
                f"{_name(generation, template)} {death.text}; its workers go on, and until the "
                "next reload new ones load the app by themselves"
            )
        return True

    def close(self) -> None:
        """Closes the channels, which ends the templates that are left."""
        for template in self._templates.values():
            template.channel.close()

    def _end(self, template: _Template) -> None:
        template.is_wanted = False
        with suppress(ProcessLookupError):
            os.kill(template.pid, signal.SIGKILL)  # it has nothing to finish


def fork_from(channel: Channel, facts: Mapping[str, Any]) -> tuple[int, Channel]:
    """The process id and the channel of a worker that another process forks.

    Args:
        channel: To that process.
        facts: What the worker is to be.

    Raises:
        OSError: The machine refuses a process or descriptors.
        TimeoutError: That process does not answer.
        EOFError: It is no more.
    """
    own, workers = Channel.pair()
    try:
        channel.send(Message(Kind.FORK, facts, [workers.fileno()]))
        return _answer(channel), own
    except BaseException:
        own.close()  # which ends the worker, if there is one after all
        raise
    finally:
        workers.close()


def _answer(channel: Channel) -> int:
    deadline = time.monotonic() + _ANSWER_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        messages = channel.receive(left)
        if messages is None:
            raise EOFError
        for message in messages:
            if message.kind is not Kind.FORKED:
                continue
            if pid := message.facts.get("pid"):
                return int(pid)
            number = int(message.facts.get("errno") or errno.EAGAIN)
            raise OSError(number, os.strerror(number))
    raise TimeoutError


def _name(generation: int, template: _Template) -> str:
    return f"the template of generation {generation} (process {template.pid})"
