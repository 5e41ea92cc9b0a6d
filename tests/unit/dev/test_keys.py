from uncork.dev.borrowing import BACK, LENT, TERMINAL, WANTED
from uncork.dev.keys import Key, Keys
from uncork.dev.terminal import Place
from uncork.supervisor.channel import Kind, Message


class FakeTerminal:
    """A terminal that says what it is told to."""

    def __init__(self) -> None:
        self.place = Place.FOREGROUND
        self.typed: bytes | None = b""
        self.done: list[str] = []

    def look(self) -> Place:
        return self.place

    def fileno(self) -> int:
        return 77

    def read(self) -> bytes | None:
        return self.typed

    def listen(self) -> None:
        self.done.append("listen")

    def lend(self) -> None:
        self.done.append("lend")

    def close(self) -> None:
        self.done.append("close")


class Desk:
    """A terminal with keys, and workers that are told things."""

    def __init__(self, *, has_terminal: bool = True, dead: tuple[int, ...] = ()) -> None:
        self.terminal = FakeTerminal()
        self.dead = dead
        self.pressed: list[str] = []
        self.lent_to: list[int] = []
        self.excused: list[int] = []
        keys = {
            "r": Key("restart the app", lambda now: self.pressed.append("r")),
            "q": Key("quit", lambda now: self.pressed.append("q")),
        }
        terminal = self.terminal if has_terminal else None
        self.keys = Keys(
            terminal,  # type: ignore[arg-type]
            self.tell,
            keys,
            self.excused.append,
            lambda: self.pressed.append("gone"),
        )

    def tell(self, pid: int, message: Message) -> bool:
        assert message.facts == {TERMINAL: LENT}
        if pid not in self.dead:
            self.lent_to.append(pid)
        return pid not in self.dead

    def press(self, typed: bytes | None) -> list[str]:
        self.keys.on_time(0.0)
        self.terminal.typed = typed
        for descriptor in self.keys.descriptors():
            self.keys.on_readable(descriptor, 0.0)
        return self.pressed

    def hear(self, pid: int, wish: str) -> None:
        self.keys.on_message(pid, Message(Kind.DESK, {TERMINAL: wish}), 0.0)


def test_a_key_does_what_it_is_for_in_either_case():
    desk = Desk()
    assert desk.press(b"r") == ["r"]
    assert desk.press(b"Q") == ["r", "q"]


def test_a_key_that_is_held_counts_once_and_what_is_pasted_does_not():
    desk = Desk()
    assert desk.press(b"rrr") == ["r"]
    assert desk.press(b"require 'q'") == ["r"]
    assert desk.press(b"\x1b[A") == ["r"]
    assert desk.press("\U0001f40d".encode()[:2]) == ["r"]


def test_enter_makes_room_and_h_shows_the_keys(capsys):
    desk = Desk()
    desk.press(b"\n\n")
    assert capsys.readouterr().err == "\n\n"
    desk.press(b"h")
    assert "  r  restart the app\n" in capsys.readouterr().err
    assert desk.keys.hint == "h help · r restart · q quit"


def test_in_the_background_nothing_is_read_and_no_worker_gets_the_terminal(capsys):
    desk = Desk()
    desk.terminal.place = Place.BACKGROUND
    assert desk.press(b"q") == []
    desk.hear(1, WANTED)
    assert (desk.lent_to, desk.keys.hint) == ([], None)
    assert "`fg` lets you" in capsys.readouterr().err
    desk.terminal.place = Place.FOREGROUND
    desk.keys.on_time(1.0)
    assert desk.lent_to == [1]
    assert "listen" not in desk.terminal.done


def test_one_worker_after_the_other_has_the_terminal_and_keys_are_silent_meanwhile():
    desk = Desk()
    desk.hear(1, WANTED)
    desk.hear(2, WANTED)
    assert (desk.lent_to, desk.press(b"q"), desk.excused) == ([1], [], [1, 2])
    desk.hear(2, BACK)  # it has given up
    desk.hear(3, WANTED)
    desk.hear(1, BACK)
    assert desk.lent_to == [1, 3]
    desk.keys.on_worker_death(3)
    assert desk.press(b"q") == ["q"]


def test_a_worker_that_is_dead_by_then_gets_nothing():
    desk = Desk(dead=(1,))
    desk.hear(1, WANTED)
    assert desk.press(b"r") == ["r"]


def test_without_a_terminal_whoever_asks_is_let_go_on():
    desk = Desk(has_terminal=False)
    desk.hear(1, WANTED)
    assert (desk.lent_to, desk.keys.next_deadline(), desk.keys.hint) == ([1], None, None)


def test_when_the_terminal_goes_that_is_told_once_and_nobody_waits_for_it():
    desk = Desk()
    assert desk.press(None) == ["gone"]
    desk.keys.on_time(2.0)
    desk.hear(1, WANTED)
    assert (desk.pressed, desk.lent_to) == (["gone"], [1])
    assert desk.terminal.done[-1] == "close"


def test_in_the_background_a_terminal_may_go():
    desk = Desk()
    desk.terminal.place = Place.BACKGROUND
    desk.keys.on_time(1.0)
    desk.terminal.place = Place.GONE
    desk.keys.on_time(2.0)
    assert desk.pressed == []
