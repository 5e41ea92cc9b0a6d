"""How the admin process asks the supervisor, over a real channel."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from uncork.supervisor.admin.link import AdminLink
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.status import ServerStatus


def status(generation: int) -> ServerStatus:
    return ServerStatus(
        version="1",
        pid=1,
        app="hello:app",
        origin=None,
        folder="/",
        state="serving",
        started_at=0.0,
        uptime_seconds=1.0,
        generation=generation,
        workers_wanted=1,
        workers_reason="",
    )


def known(link: AdminLink) -> int | None:
    """The generation that serves, as the link knows it when it has asked."""
    told = link.ask()
    return told.generation if told else None


@contextmanager
def linked() -> Iterator[tuple[AdminLink, Channel]]:
    """A link whose process listens, and the supervisor's end."""
    supervisors, admins = Channel.pair()
    link = AdminLink(admins)
    thread = threading.Thread(target=link.listen)
    thread.start()
    try:
        yield link, supervisors
    finally:
        supervisors.send(Message(Kind.END))
        thread.join()
        supervisors.close()
        admins.close()


def answer(channel: Channel, generation: int) -> None:
    """Waits for one question, and answers it."""
    (question,) = channel.receive(5.0) or ()
    assert question.kind is Kind.ASKED
    channel.send(Message(Kind.TOLD, status(generation).facts()))


def test_each_question_is_answered_anew():
    with linked() as (link, supervisor):
        for generation in (1, 2):
            thread = threading.Thread(target=answer, args=(supervisor, generation))
            thread.start()
            assert known(link) == generation
            thread.join()
            assert link.unanswered_seconds == 0.0


@pytest.mark.slow
def test_without_an_answer_there_is_what_was_known_before_and_the_debt_grows():
    with linked() as (link, supervisor):
        assert link.ask() is None
        owed = link.unanswered_seconds
        assert owed >= 0.5
        answer(supervisor, 1)
        thread = threading.Thread(target=answer, args=(supervisor, 2))
        thread.start()
        while known(link) != 2:
            pass
        thread.join()
        assert known(link) == 2
        assert link.unanswered_seconds >= 0.5


@pytest.mark.slow
def test_who_is_silent_is_asked_once_however_many_want_to_know():
    with linked() as (link, supervisor):
        threads = [threading.Thread(target=link.ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(supervisor.receive(1.0) or ()) == 1


def test_the_end_is_told_by_the_supervisor_or_by_its_own_end():
    supervisors, admins = Channel.pair()
    supervisors.close()
    AdminLink(admins).listen()
    admins.close()
