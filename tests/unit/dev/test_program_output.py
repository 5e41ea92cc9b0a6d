import pytest

from uncork.dev.program_output import ProgramOutput


def lines(*pieces: bytes, has_colour: bool = False) -> list[str]:
    output = ProgramOutput(has_colour=has_colour)
    return [line for piece in pieces for line in output.feed(piece)] + output.rest()


def test_lines_come_when_they_have_ended_however_the_bytes_were_cut():
    text = "eins\nzw\u00f6lf\r\n\n\U0001f40d end\n".encode()
    expected = ["eins", "zw\u00f6lf", "", "\U0001f40d end"]
    assert lines(text) == expected
    assert lines(*(text[at : at + 1] for at in range(len(text)))) == expected


def test_a_line_that_has_begun_waits_until_somebody_asks_for_it():
    output = ProgramOutput(has_colour=False)
    assert output.feed(b"name? ") == []
    assert output.has_begun_line
    assert output.rest() == ["name? "]
    assert not output.has_begun_line
    assert output.rest() == []


def test_of_a_progress_bar_the_last_state_is_shown():
    assert lines(b"\r10 %\r50 %", b"\r100 %\r\n") == ["100 %"]


def test_a_progress_bar_that_never_ends_takes_no_memory():
    output = ProgramOutput(has_colour=False)
    for number in range(20_000):
        assert output.feed(b"\r%d %%" % number) == []
    assert output.rest() == ["19999 %"]


def test_a_line_without_end_is_cut():
    output = ProgramOutput(has_colour=False)
    pieces = [line for _ in range(64) for line in output.feed(b"x" * 1024)]
    assert {len(piece) for piece in pieces} == {8192}
    assert sum(map(len, pieces)) + len("".join(output.rest())) == 65536


def test_a_long_line_is_cut_between_sequences():
    line = b"x" * 8190 + b"\x1b[31mred\x1b[0m\n"
    assert lines(line, has_colour=True) == ["x" * 8190, "\x1b[31mred\x1b[0m\x1b[0m"]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1bc\x1b[2J\x1b[Hcleared", "cleared"),
        (b"\x1b]0;a title\x07text", "text"),
        (b"\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"bell\x07", "bell"),
        (b"a\x08\x00\x7f\x1b", "a\\x08\\x00\\x7f\\x1b"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("\x9b2J".encode(), "\\x9b2J"),
        (b"a\tb", "a\tb"),
    ],
)
def test_nothing_moves_the_cursor_or_disturbs_the_terminal(printed: bytes, shown: str):
    assert lines(printed + b"\n") == [shown]


def test_colours_stay_where_they_are_wanted_and_end_with_the_line():
    assert lines(b"\x1b[1;31mred\n", has_colour=True) == ["\x1b[1;31mred\x1b[0m"]
    assert lines(b"\x1b[2Kplain\n", has_colour=True) == ["plain"]


def test_a_line_that_only_moves_the_cursor_is_none():
    assert lines(b"\x1b[2J\x1b[H\nnext\n") == ["next"]
