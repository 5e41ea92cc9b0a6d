"""systemd understands the units that the pages show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, blocks
from tests.support import components

PAGE = ROOT / "docs" / "guides" / "systemd.md"


def test_the_units_of_the_page_are_right(tmp_path: Path) -> None:
    units = [block.text for block in blocks(PAGE) if block.language == "ini"]
    service, *others = [_with_programs(text) for text in units]
    (tmp_path / "hello.service").write_text(service)
    (tmp_path / "hello.service.d").mkdir()
    for number, text in enumerate(others):
        if "[Socket]" in text:
            (tmp_path / "hello.socket").write_text(text)
        elif "ExecStart" in text:
            (tmp_path / "hello.service.d" / f"{number}.conf").write_text(
                text.replace("ExecStart", "ExecStart=\nExecStart")
            )
        else:
            (tmp_path / "hello.service.d" / f"{number}.conf").write_text(text)
    assert (tmp_path / "hello.socket").exists()
    done = subprocess.run(
        [
            components.program("systemd-analyze"),
            "verify",
            "--man=no",
            "hello.service",
            "hello.socket",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    mine = [line for line in done.stderr.splitlines() if "hello" in line or str(tmp_path) in line]
    assert mine == []
    assert done.returncode == 0, done.stderr


def test_a_directive_that_is_none_is_found(tmp_path: Path) -> None:
    unit = tmp_path / "hello.service"
    unit.write_text(f"[Service]\nExecStart={sys.executable}\nWatchDogSecs=1\n")
    done = subprocess.run(
        [components.program("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "WatchDogSecs" in done.stderr


def _with_programs(text: str) -> str:
    """The unit with a program that is here: systemd looks whether it is."""
    return re.sub(r"/srv/hello/\.venv/bin/uncork", sys.executable, text)
