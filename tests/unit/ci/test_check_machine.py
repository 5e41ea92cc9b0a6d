"""What `make` says on a machine that lacks something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.components import program

ROOT = Path(__file__).parents[3]
NEWEST_CARGO = "cargo 9.99.0 (a1b2c3 2035-01-01)"


def complaint(programs: Path) -> str:
    """What is said when the programs of that folder are all there is."""
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "check_machine.py"],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == bool(done.stderr)
    return done.stderr


def write_program(folder: Path, name: str, output: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{output}'\n")
    (folder / name).chmod(0o755)


def test_a_machine_that_has_everything_is_left_in_peace(tmp_path: Path) -> None:
    write_program(tmp_path, "cargo", NEWEST_CARGO)
    write_program(tmp_path, "cc", "")
    assert complaint(tmp_path) == ""


@pytest.mark.parametrize(
    ("cargo", "expected"),
    [
        (None, "error: there is no `cargo` on the PATH\n"),
        ("cargo 0.66.0", "or later, and `cargo` is of 0.66\n"),
        ("cargo 1.9.0", "or later, and `cargo` is of 1.9\n"),
        ("error: no default is configured\nhelp", "does not run: error: no default is configured"),
        ("", "`cargo` does not run"),
    ],
)
def test_cargo_that_is_of_no_use_is_told(tmp_path: Path, cargo: str | None, expected: str) -> None:
    if cargo is not None:
        write_program(tmp_path, "cargo", cargo)
    assert expected in complaint(tmp_path)
    assert "hint: install Rust as https://rustup.rs says" in complaint(tmp_path)


def test_a_missing_c_compiler_is_told(tmp_path: Path) -> None:
    write_program(tmp_path, "cargo", NEWEST_CARGO)
    assert complaint(tmp_path).splitlines() == [
        "error: there is no C compiler: no `cc` on the PATH",
        "hint: on Debian, install it with `apt-get install gcc libc6-dev`",
    ]


def test_a_missing_python_is_told_by_make() -> None:
    done = subprocess.run(
        [program("make"), "-s", "PYTHON=python2.9", "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith("error: there is no `python2.9` on this machine\nhint: ")
