"""A process that the supervisor forks beside its workers."""

import os

from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.forking import InProcess, fork_process


def test_the_new_process_does_its_job_at_the_other_end_of_the_channel():
    def job(channel: Channel) -> int:
        channel.send(Message(Kind.READY, {"pid": os.getpid()}))
        return 7

    try:
        pid, channel = fork_process(job)
    except InProcess as forked:
        os._exit(forked.job())
    (message,) = channel.receive(5.0) or ()
    assert message.facts == {"pid": pid}
    assert channel.receive(5.0) is None
    channel.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
