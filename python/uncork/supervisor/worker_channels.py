"""The supervisor's ends of the channels to its workers: one for each that was not reaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from uncork.supervisor.channel import Channel, Message
from uncork.supervisor.handover import HandedChannel


class WorkerChannels:
    """The channels, by the process ids of the workers; iterating gives those of all of them."""

    def __init__(self) -> None:
        self._channels: dict[int, Channel] = {}

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._channels))

    def __contains__(self, pid: int) -> bool:
        return pid in self._channels

    def add(self, pid: int, channel: Channel) -> None:
        """There is a worker more."""
        self._channels[pid] = channel

    def remove(self, pid: int) -> Channel:
        """The channel of a process that is no worker any more; the caller's from now on."""
        return self._channels.pop(pid)

    def open_ones(self) -> Mapping[int, Channel]:
        """The channels of those that can still be heard; a copy."""
        return {pid: each for pid, each in self._channels.items() if each.fileno() >= 0}

    def is_open(self, pid: int) -> bool:
        """Whether that worker can still be heard."""
        channel = self._channels.get(pid)
        return channel is not None and channel.fileno() >= 0

    def tell(self, pid: int, message: Message) -> bool:
        """Whether the message went out to a worker."""
        return self.is_open(pid) and self._channels[pid].send(message)

    def receive(self, pid: int) -> list[Message]:
        """What a worker has said; its channel is closed at the end of it."""
        messages = self._channels[pid].receive()
        if messages is None:
            self.close(pid)  # it is about to die, or has already
        return messages or []

    def close(self, pid: int) -> None:
        """Hears that worker no more, and has it end."""
        self._channels[pid].close()

    def close_all(self) -> None:
        """Closes every channel."""
        for channel in self._channels.values():
            channel.close()

    def hand_over(self) -> dict[int, HandedChannel]:
        """What `take_over` makes the same channels of, in the next program of this process."""
        return {pid: channel.hand_over() for pid, channel in self.open_ones().items()}

    def take_over(self, handed: Mapping[int, HandedChannel]) -> None:
        """Goes on with channels that were open before this program."""
        for pid, channel in handed.items():
            self._channels[pid] = Channel.taken_over(channel)
