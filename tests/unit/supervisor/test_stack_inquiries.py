"""Where threads are: as they tell it, as `faulthandler` does, and whom it is asked."""

import faulthandler
import os
import threading
import time
from pathlib import Path

import pytest

import uncork
from uncork.supervisor.channel import Kind, Message
from uncork.supervisor.stack_dumps import parse_dump
from uncork.supervisor.stack_inquiries import StackInquiries
from uncork.supervisor.thread_stacks import DUMP_SIGNAL, offer_dumps, thread_stacks

DUMP = f"""\
Thread 0x00007fb1e4bff6c0 (most recent call first):
  File "/srv/hello.py", line 7 in query
  File "/srv/hello.py", line 9 in app

Thread 0x00007fb1e4bff6c1 (most recent call first):
  <no Python frame>

Thread 0x00007fb1e4bff6c2 [mine] (most recent call first):
  File "/srv/hello.py", line 3 in mine
  File "/usr/lib/python3.11/threading.py", line 982 in run

Current thread 0x00007fb1e4bff6c3 (most recent call first):
  File "/usr/lib/python3.11/socket.py", line 573 in recv_fds
  File "{Path(uncork.__file__).parent}/supervisor/channel.py", line 91 in receive
  File "/usr/lib/python3.11/threading.py", line 982 in run
"""


def test_a_dump_is_read_with_the_innermost_frame_last():
    first, *_ = parse_dump(DUMP)
    assert first["ident"] == 0x7FB1E4BFF6C0
    assert first["stack"] == (
        '  File "/srv/hello.py", line 9, in app\n  File "/srv/hello.py", line 7, in query\n'
    )


def test_a_dump_tells_whose_code_a_thread_is_in():
    assert [(each["name"], each["role"]) for each in parse_dump(DUMP)] == [
        ("thread", "app"),
        ("mine", "other"),
        ("thread", "own"),
    ]


@pytest.mark.parametrize("text", ["", "garbage", "Thread 0x"])
def test_what_is_no_dump_has_no_threads(text):
    assert parse_dump(text) == []


def test_a_thread_tells_its_name_and_its_stack():
    is_over = threading.Event()
    thread = threading.Thread(target=is_over.wait, name="mine")
    thread.start()
    told = next(each for each in thread_stacks() if each["name"] == "mine")
    is_over.set()
    thread.join()
    assert (told["role"], told["ident"], told["native_id"]) == (
        "other",
        thread.ident,
        thread.native_id,
    )
    assert "in wait" in told["stack"]


class Workers:
    """Those that are asked; they say what the test says."""

    def __init__(self):
        self.asked = []
        self.is_there = True
        self.inquiries = StackInquiries(self.tell)

    def tell(self, pid, message):
        self.asked.append((pid, message.kind))
        return self.is_there

    def answer(self, pid):
        thread = {"ident": 1, "native_id": 2, "name": "n", "role": "app", "stack": "s", "moon": 1}
        self.inquiries.on_message(pid, Message(Kind.STACKS, {"threads": [thread]}), 0.0)


@pytest.fixture
def workers():
    workers = Workers()
    yield workers
    workers.inquiries.close()


def test_a_worker_that_answers_is_heard(workers):
    inquiry = workers.inquiries.inquire(7, 10.0)
    workers.answer(7)
    assert inquiry.facts["told_by"] == "worker"
    assert "moon" not in inquiry.facts["threads"][0]
    assert workers.inquiries.next_deadline() is None


def test_who_asks_meanwhile_joins_the_question(workers):
    assert workers.inquiries.inquire(7, 10.0) is workers.inquiries.inquire(7, 11.0)
    assert workers.asked == [(7, Kind.STACKS_WANTED)]


def test_a_worker_that_can_t_be_read_is_given_up(workers):
    inquiry = workers.inquiries.inquire(os.getpid(), 10.0)
    assert workers.inquiries.next_deadline() == 12.0
    workers.inquiries.on_time(12.0)
    assert inquiry.facts["told_by"] is None
    assert "something holds its interpreter" in inquiry.facts["why"]


def test_one_that_never_answered_is_not_written_to_again(workers):
    for now in (10.0, 20.0):
        workers.inquiries.inquire(7, now)
        workers.inquiries.on_time(now + 2.0)
    assert len(workers.asked) == 1
    inquiry = workers.inquiries.inquire(7, 30.0)
    workers.answer(7)  # the first question, by now
    assert inquiry.facts["told_by"] == "worker"


def test_one_that_dies_is_told_to_have(workers):
    inquiry = workers.inquiries.inquire(7, 10.0)
    workers.inquiries.on_worker_death(7)
    assert inquiry.facts["why"] == "it has ended meanwhile"


@pytest.mark.skipif(DUMP_SIGNAL is None, reason="this system has no real-time signals")
def test_one_that_does_not_answer_is_read_by_force(workers):
    descriptor = offer_dumps()
    try:
        workers.inquiries.on_message(
            os.getpid(), Message(Kind.DUMPS_INTO, descriptors=(os.dup(descriptor),)), 0.0
        )
        for _ in range(2):
            inquiry = workers.inquiries.inquire(os.getpid(), 10.0)
            workers.inquiries.on_time(12.0)
            deadline = time.monotonic() + 5
            now = 12.1
            while inquiry.facts is None and time.monotonic() < deadline:
                workers.inquiries.on_time(now)
                now += 0.06
            assert inquiry.facts["told_by"] == "faulthandler"
            assert any("test_one_that" in each["stack"] for each in inquiry.facts["threads"])
    finally:
        os.close(descriptor)
        faulthandler.unregister(DUMP_SIGNAL)
