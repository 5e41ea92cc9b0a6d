from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from uncork.supervisor.signals import ACTIONS, Action, SignalActions, StopAsked


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield threading.Event()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def signals(ended: threading.Event) -> Iterator[SignalActions]:
    with SignalActions(ended.set, patience_seconds=0.01) as actions:
        yield actions


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "action"), ACTIONS.items())
def test_each_signal_has_its_action_while_serving(
    signals: SignalActions, number: signal.Signals, action: Action
) -> None:
    with signals.serving():
        send(number)
        assert signals.wait(2) is action
        assert signals.wait(0) is None


def test_the_second_drain_is_a_stop(signals: SignalActions) -> None:
    with signals.serving():
        send(signal.SIGTERM)
        send(signal.SIGINT)
        assert [signals.wait(2), signals.wait(2)] == [Action.DRAIN, Action.STOP]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_same_signal_at_once_again_is_the_same_wish(
    ended: threading.Event, number: signal.Signals
) -> None:
    with SignalActions(ended.set, repeat_seconds=60) as signals, signals.serving():
        send(number)
        send(number)
        assert [signals.wait(2), signals.wait(0.05)] == [Action.DRAIN, None]
        send(signal.SIGQUIT)
        assert signals.wait(2) is Action.STOP


def test_the_same_signal_again_later_is_a_stop(ended: threading.Event) -> None:
    with SignalActions(ended.set, repeat_seconds=0) as signals, signals.serving():
        send(signal.SIGINT)
        assert signals.wait(2) is Action.DRAIN
        send(signal.SIGINT)
        assert signals.wait(2) is Action.STOP


def test_a_repeated_signal_is_raised_once_and_leaves_the_user_s_code_its_time(
    ended: threading.Event,
) -> None:
    with SignalActions(ended.set, patience_seconds=60, repeat_seconds=60):
        with pytest.raises(StopAsked):
            send(signal.SIGINT)
        send(signal.SIGINT)
        assert not ended.wait(0.05)


def test_a_signal_repeated_when_serving_has_just_ended_is_not_raised(
    ended: threading.Event,
) -> None:
    with SignalActions(ended.set, patience_seconds=60, repeat_seconds=60) as signals:
        with signals.serving():
            send(signal.SIGINT)
            assert signals.wait(2) is Action.DRAIN
        send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_signal_that_reaches_another_thread_is_heard(signals: SignalActions) -> None:
    go = threading.Event()

    def raise_here() -> None:
        go.wait(2)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    thread = threading.Thread(target=raise_here)
    thread.start()
    with signals.serving():
        go.set()
        assert signals.wait(2) is Action.DRAIN
        thread.join()


def test_waking_is_no_wish_of_anybody(signals: SignalActions) -> None:
    with signals.serving():
        threading.Thread(target=signals.wake).start()
        assert signals.wait(2) is Action.WOKEN
        assert not signals.is_stop_asked


def test_a_stop_is_raised_in_the_user_s_code_and_ends_it_if_it_goes_on(
    signals: SignalActions, ended: threading.Event
) -> None:
    with pytest.raises(StopAsked):
        send(signal.SIGINT)
    assert signals.is_stop_asked
    assert ended.wait(2)


def test_a_quick_stop_does_not_ask_the_user_s_code(
    signals: SignalActions, ended: threading.Event
) -> None:
    send(signal.SIGQUIT)
    assert ended.wait(2)


def test_what_the_user_s_code_handles_itself_is_not_a_stop(
    signals: SignalActions, ended: threading.Event
) -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    send(signal.SIGTERM)
    assert not ended.wait(0.1)
    assert heard == [signal.SIGTERM]
    with signals.serving() as unheard:
        assert unheard == ["SIGTERM"]
        send(signal.SIGTERM)
        assert signals.wait(2) is Action.DRAIN
    assert heard == [signal.SIGTERM]


def test_all_is_as_before_in_the_end(ended: threading.Event) -> None:
    before = {number: signal.getsignal(number) for number in ACTIONS}
    with SignalActions(ended.set) as actions, actions.serving():
        assert all(signal.getsignal(number) != before[number] for number in ACTIONS)
    assert {number: signal.getsignal(number) for number in ACTIONS} == before
    assert signal.set_wakeup_fd(-1) == -1
    actions.wake()  # late, and harmless


class StopsWhileItWakes(SignalActions):
    """Is asked to stop in the moment in which it wakes its own watcher, once it is told to be."""

    is_told = False

    def wake(self) -> None:
        if self.is_told:
            signal.raise_signal(signal.SIGTERM)
        super().wake()


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "uncork-signal-watcher"]


def test_a_stop_while_the_watcher_is_stopped_leaves_no_watcher_behind(
    ended: threading.Event,
) -> None:
    with StopsWhileItWakes(ended.set, repeat_seconds=60) as signals:
        with pytest.raises(StopAsked), signals.serving(), signals.raising():
            signals.is_told = True
        assert len(watchers()) == 1
    assert watchers() == []


def test_a_forked_child_has_the_handlers_from_before(signals: SignalActions) -> None:
    child = os.fork()
    if child == 0:
        is_reset = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        os._exit(0 if is_reset and signal.SIGTERM not in blocked else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
