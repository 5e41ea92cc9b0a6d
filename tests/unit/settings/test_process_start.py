"""The interpreter's command line, taken apart as the interpreter does it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from uncork.settings.process_start import ProcessStart, environ_at_start, process_start


@pytest.mark.parametrize(
    ("line", "flags", "kind", "program", "arguments"),
    [
        ("python hello.py", "", "file", "hello.py", ""),
        ("python hello.py -m x --port 1", "", "file", "hello.py", "-m x --port 1"),
        ("python -X dev -W error hello.py", "-X dev -W error", "file", "hello.py", ""),
        ("python -Xdev -Werror -bb hello.py a", "-Xdev -Werror -bb", "file", "hello.py", "a"),
        ("python -bW error hello.py", "-bW error", "file", "hello.py", ""),
        ("python --check-hash-based-pycs always a.py", "--check-hash-based-pycs always", "file",
         "a.py", ""),
        ("python -- hello.py x", "", "file", "hello.py", "x"),
        ("python -m pkg.mod a -b", "", "module", "pkg.mod", "a -b"),
        ("python -mpkg.mod", "", "module", "pkg.mod", ""),
        ("python -Im pkg", "-I", "module", "pkg", ""),
        ("python -B -m pkg", "-B", "module", "pkg", ""),
        ("python -c pass x", "", "other", "", ""),
        ("python -Bcpass", "-B", "other", "", ""),
        ("python -", "", "other", "", ""),
        ("python", "", "other", "", ""),
        ("python -i", "-i", "other", "", ""),
        ("python -m", "", "other", "", ""),
    ],
)  # fmt: skip
def test_a_command_line(line: str, flags: str, kind: str, program: str, arguments: str) -> None:
    start = process_start(line.split())
    words = (tuple(flags.split()), kind, program, tuple(arguments.split()))
    assert (start.flags, start.kind, start.program, start.arguments) == words


@pytest.mark.slow
def test_it_is_what_the_interpreter_makes_of_it(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "import sys\nfrom uncork.settings.process_start import process_start\n"
        "sys.argv.append('changed')\nprint(process_start())\n"
    )
    for given in (["-Xutf8", "-b", "shop.py"], ["-bm", "shop"]):
        done = subprocess.run(
            [sys.executable, *given, "a", "--b"],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        expected = (
            ProcessStart(("-Xutf8", "-b"), "file", "shop.py", ("a", "--b"))
            if given[-1] == "shop.py"
            else ProcessStart(("-b",), "module", "shop", ("a", "--b"))
        )
        assert done.stdout.strip() == repr(expected)


@pytest.mark.skipif(sys.platform != "linux", reason="the system keeps it")
def test_the_environment_is_the_one_from_the_start() -> None:
    code = (
        "import os\nfrom uncork.settings.process_start import environ_at_start\n"
        "os.environ['NEW'] = os.environ.pop('OLD')\n"
        "print({k: v for k, v in environ_at_start().items() if k in ('OLD', 'NEW')})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OLD": "a=b\n"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "{'OLD': 'a=b\\n'}"
    assert environ_at_start() is not None
