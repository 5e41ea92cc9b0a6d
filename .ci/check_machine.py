"""Says what this machine lacks for building uncork, before anything is made.

Runs under every Python 3, however old.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)


def main():
    """Ends with an error and a hint for the first thing that is missing."""
    check_python()
    check_cargo()
    if shutil.which("cc") is None:
        fail(
            "there is no C compiler: no `cc` on the PATH",
            "on Debian, install it with `apt-get install gcc libc6-dev`",
        )


def check_python():
    """Ends if this Python is too old, or can't make a virtual environment."""
    version = sys.version.split()[0]
    if sys.version_info < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON))
        fail(
            f"uncork needs CPython {needed} or later, and `{sys.executable}` is {version}",
            "name another one with `make PYTHON=python3.12 …`",
        )
    try:
        import ensurepip  # noqa: F401, PLC0415 (Debian has it in a package of its own)
        import venv  # noqa: F401, PLC0415
    except ImportError:
        fail(
            f"`{sys.executable}` has no `venv` module, which brings what is to be installed",
            "on Debian, install it with `apt-get install python3-venv`",
        )


def check_cargo():
    """Ends if there is no cargo, or one that is too old for this workspace."""
    needed = re.search(r'^rust-version = "([0-9.]+)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    install = "install Rust as https://rustup.rs says, then open a new shell"
    if shutil.which("cargo") is None:
        fail("there is no `cargo` on the PATH", install)
    done = subprocess.run(
        ["cargo", "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = re.match(r"cargo ([0-9]+\.[0-9]+)", done.stdout)
    if found is None:
        fail("`cargo` does not run: " + "".join(done.stdout.splitlines()[:1]), install)
    if numbers(found[1]) < numbers(needed):
        fail(f"uncork needs Rust {needed} or later, and `cargo` is of {found[1]}", install)


def numbers(version):
    """The version, so that it can be compared."""
    return [int(part) for part in version.split(".")]


def fail(what, hint):
    """Ends with a message."""
    sys.exit(f"error: {what}\nhint: {hint}")


if __name__ == "__main__":
    main()
