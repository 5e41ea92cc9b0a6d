import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from uncork.errors import EnvironmentProblem, UsageError
from uncork.supervisor.channel import Channel, Kind, Message
from uncork.supervisor.error_facts import error_from_facts, facts_of_error


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    one, other = Channel.pair()
    yield one, other
    one.close()
    other.close()


def test_a_message_arrives_with_its_facts(pair):
    pair[0].send(Message(Kind.LOADED, {"name": "höllo:app"}))
    assert pair[1].receive() == [Message(Kind.LOADED, {"name": "höllo:app"}, [])]


def test_several_messages_arrive_in_their_order(pair):
    pair[0].send(Message(Kind.LOADED))
    pair[0].send(Message(Kind.READY))
    assert [message.kind for message in pair[1].receive()] == [Kind.LOADED, Kind.READY]


def test_nothing_is_an_empty_list_and_the_end_is_none(pair):
    assert pair[1].receive() == []
    pair[0].close()
    assert pair[1].receive() is None


def test_a_message_that_comes_in_pieces_is_whole_in_the_end():
    one, other = socket.socketpair()
    channel = Channel(other)
    one.sendall(b'{"kind": "ready", ')
    assert channel.receive() == []
    one.sendall(b'"descriptors": 0}\n')
    assert channel.receive() == [Message(Kind.READY, {}, [])]
    one.close()
    channel.close()


@pytest.mark.parametrize(
    "noise",
    [b"noise\n", b"{}\n", b"[1]\n", b'{"kind": "party", "descriptors": 0}\n', b"x" * 2**21],
)
def test_noise_of_the_app_is_the_end_of_the_channel(noise):
    one, other = socket.socketpair()
    channel = Channel(other)
    writer = threading.Thread(target=lambda: suppressed_send(one, noise))
    writer.start()
    while channel.receive(1.0) is not None:
        pass
    channel.close()
    writer.join()
    one.close()


def suppressed_send(end: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        end.sendall(data)


def test_descriptors_arrive_as_one_s_own_and_are_closed_in_other_programs(pair):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pair[0].send(Message(Kind.GRANTED, {}, [listener.fileno()]))
        (message,) = pair[1].receive()
        (descriptor,) = message.descriptors
        assert descriptor != listener.fileno()
        assert not os.get_inheritable(descriptor)
        with socket.socket(fileno=descriptor) as received:
            assert received.getsockname() == listener.getsockname()


def test_sending_to_nobody_is_told_and_no_error(pair):
    pair[1].close()
    assert pair[0].send(Message(Kind.READY)) is False


@pytest.mark.parametrize("kind", [UsageError, EnvironmentProblem])
def test_an_error_survives_the_journey(pair, kind):
    error = kind("no", cause="because", hints=("try", "again"))
    pair[0].send(Message(Kind.REFUSED, facts_of_error(error)))
    (message,) = pair[1].receive()
    told = error_from_facts(message.facts)
    assert (type(told), str(told)) == (kind, str(error))
