"""Flags, variables, settings and targets of make that a page mentions exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from tests.docs.pages import GUIDES, PAGES, ROOT, blocks, code_spans, commands, name_of
from uncork import cli
from uncork.settings import declarations, dev_declarations

_FLAG = re.compile(r"(?<!\S)(--?[a-z][a-z-]*)", re.IGNORECASE)
_END_OF_COMMAND = re.compile(r" -- | [|&;>] |; ")


def flags_of_uncork() -> dict[str, set[str]]:
    """The flags of every command, by its name; those of `uncork` itself by the empty name."""
    group = cli.command_group()
    context = click.Context(group)
    own = {flag for option in group.params for flag in option.opts}
    found = {"": own | {"--help", "-h"}}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        options = command.get_params(click.Context(command, parent=context))
        found[name] = {
            flag for option in options for flag in (*option.opts, *option.secondary_opts)
        }
    return found


def unknown_flags(command: str) -> set[str]:
    """The flags in a line such as "uncork serve --bind :0 -- --name bob" that uncork has not."""
    known = flags_of_uncork()
    mine = _END_OF_COMMAND.split(command)[0]
    name = next((word for word in mine.split()[1:] if word in known), "")
    return set(_FLAG.findall(mine)) - known[name]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_flag_of_a_command_in_the_page_exists(page: Path) -> None:
    shown_as_wrong = {"--bnd", "--name"}
    assert set().union(*map(unknown_flags, commands(page))) - shown_as_wrong == set()


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_every_flag_in_the_page_s_text_exists(page: Path) -> None:
    known = set().union(*flags_of_uncork().values())
    alone = [span for span in code_spans(page) if re.match(r"--?[a-z]", span, re.IGNORECASE)]
    unknown = {flag for span in alone for flag in _FLAG.findall(span)} - known
    assert unknown - {"--workers"} == set()  # which is said not to be there


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_variable_in_the_page_exists(page: Path) -> None:
    known = {each.variable for each in (*declarations(), *dev_declarations())}
    known.add("UNCORK_URL")  # which `uncork dev` sets
    shown_as_wrong = {"UNCORK_KEEPALIVE"}
    assert set(re.findall(r"\bUNCORK_[A-Z_]+", page.read_text())) - known - shown_as_wrong == set()


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_every_key_of_a_settings_file_in_the_page_exists(page: Path) -> None:
    known = {declaration.name for declaration in declarations() if declaration.is_in_files}
    of_dev = {declaration.name for declaration in dev_declarations() if declaration.is_in_files}
    for block in blocks(page):
        if block.language == "toml":
            table = tomllib.loads(block.text)
            table = table.get("tool", {}).get("uncork", table)  # as in `pyproject.toml`
            assert set(table.pop("dev", {})) - of_dev == set()
            assert set(table) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_target_of_make_in_the_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for block in blocks(page) for line in block.text.splitlines()]
    texts = [*lines, *code_spans(page)]
    named = {found[1] for text in texts if (found := re.match(r"make ([a-z]+)", text))}
    assert named - targets == set()


def test_a_flag_that_does_not_exist_is_found() -> None:
    assert unknown_flags("uncork serve --bind 0 --nope -x hello:app -- --name bob") == {
        "--nope",
        "-x",
    }
    assert unknown_flags("uncork routes --all-methods | grep -v x") == set()
