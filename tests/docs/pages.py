"""Reads the pages that people read: their code blocks, links, headings and commands.

A code block is a file when the line before it ends with the file's name, as in "`hello.py`:",
and a session when its language is `console`; `session.py` plays those. Everything else, `sh`
among it, is only shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
"""What is written for users."""
PAGES = [*GUIDES, *sorted(ROOT.glob("[A-Q]*.md")), *sorted((ROOT / "examples").rglob("README.md"))]
_FENCE = re.compile(r"^```(.*)$")
_NAMED = re.compile(r"`([\w.-][\w./-]*)`:$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_CODE_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its opening fence."""

    language: str
    text: str
    line: int
    file_name: str | None


def name_of(page: Path) -> str:
    """For a test's name: the path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """The code blocks, in order."""
    before, opened, body = "", None, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened is None and fence is not None:
            opened, body = (fence[1], number), []
        elif opened is not None and line == "```":
            named = _NAMED.search(before)
            language, start = opened
            is_file = named is not None and language not in ("console", "sh")
            text = "".join(f"{each}\n" for each in body)
            yield Block(language, text, start, named[1] if named and is_file else None)
            opened, before = None, ""
        elif opened is not None:
            body.append(line)
        elif line.strip():
            before = line.strip()


def prose(page: Path) -> list[str]:
    """The lines outside of code blocks."""
    lines, is_code = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif not is_code:
            lines.append(line)
    return lines


def links(page: Path) -> list[str]:
    """Where the page's links lead, as written."""
    return [link for line in prose(page) for link in _LINK.findall(_CODE_SPAN.sub("", line))]


def anchors(page: Path) -> set[str]:
    """What a link to a part of the page may name, as GitHub makes it of the headings."""
    headings = [line.lstrip("#").strip() for line in prose(page) if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_spans(page: Path) -> list[str]:
    """The pieces of code in the running text.

    In a page about coming from another tool, the first cell of a table's row is that tool's,
    and left out.
    """
    lines = prose(page)
    if page.name.startswith("from-"):
        lines = [re.sub(r"^\|(?:`[^`]*`|[^`|])*\|", "|", line) for line in lines]
    return [span for line in lines for span in _CODE_SPAN.findall(line)]


def commands(page: Path) -> list[str]:
    """Every command line that begins with `uncork`, in blocks and in running text."""
    lines = [line for block in blocks(page) for line in block.text.splitlines()]
    found = [re.search(r"(?<![\w./-])uncork .*", line) for line in [*lines, *code_spans(page)]]
    return [match[0] for match in found if match is not None]
