import signal

import pytest

from uncork.supervisor.deaths import read_status


def test_an_exit_code_is_told():
    death = read_status(3 << 8)
    assert (death.exit_code, death.text) == (3, "ended with exit code 3")


def test_a_signal_is_named():
    assert read_status(signal.SIGSEGV).text == "was killed by SIGSEGV"


@pytest.mark.parametrize(
    ("was_out_of_memory", "text"),
    [
        (True, "was killed by SIGKILL, out of memory"),
        (False, "was killed by SIGKILL"),
        (None, "was killed by SIGKILL, perhaps out of memory"),
    ],
)
def test_a_kill_says_whether_memory_had_run_out(was_out_of_memory, text):
    assert read_status(signal.SIGKILL, was_out_of_memory=was_out_of_memory).text == text
