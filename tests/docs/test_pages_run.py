"""What a page tells its readers to type prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import GUIDES, Block, blocks, name_of
from tests.docs.session import Session, is_as_shown, steps

WITH_SESSIONS = [page for page in GUIDES if any(b.language == "console" for b in blocks(page))]


@pytest.mark.slow
@pytest.mark.timeout(120)  # a page may start ten servers
@pytest.mark.parametrize("page", WITH_SESSIONS, ids=name_of)
def test_what_the_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    folder, tools = tmp_path / "hello", tmp_path / "bin"
    folder.mkdir()
    tools.mkdir()
    with Session(folder, tools) as session:
        for block in blocks(page):
            if block.file_name is not None:
                session.write(block)
            elif block.language == "console":
                for step in steps(block):
                    session.play(step)
        session.end()


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_python_in_a_page_is_python(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, f"{name_of(page)}:{block.line}", "exec")


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_every_file_that_the_page_asks_to_save_is_saved(page: Path) -> None:
    asked = re.findall(r"save (?:this|it) as `([^`]+)`", page.read_text(), re.IGNORECASE)
    assert set(asked) - {block.file_name for block in blocks(page)} == set()


def test_an_ellipsis_stands_for_lines_or_for_a_part_of_one() -> None:
    assert is_as_shown("one\n…\nfour", "one\ntwo\nthree\nfour")
    assert is_as_shown("one … three", "one two three")
    assert not is_as_shown("one … three", "one\ntwo three")
    assert not is_as_shown("one", "one\ntwo")


def test_a_step_is_a_command_with_all_that_is_shown_below_it() -> None:
    block = Block("console", "$ a\none\n\ntwo\n$ b\nready now\n^C\nstopped\n", 1, None)
    first, second = steps(block)
    assert (first.command, first.shown, first.is_server) == ("a", "one\n\ntwo\n", False)
    assert (second.shown, second.is_server) == ("ready now\nstopped\n", True)
    assert second.is_interrupted
