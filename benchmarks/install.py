"""`python -m benchmarks.install`: the suite's own environment, with the newest of every peer.

A peer that does not build is reported, and left out of the runs; the others go on. The reasons
are kept beside the environment, for the report.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.servers.bare_loop import KEY as BARE_LOOP
from benchmarks.servers.bare_loop import compile_bare_loop
from benchmarks.servers.peers import PEERS
from benchmarks.servers.server import SUITE_BIN

FRAMEWORK = "flask>=3.1,<3.2"  # as uncork's own environment has it
# Whoever has watchdog has Werkzeug's other reloader, so it has a folder of its own.
# The last of its version 6 stands beside the newest: that was another experience.
WATCHDOG, WATCHDOG_6 = SUITE_BIN.parent / "watchdog", SUITE_BIN.parent / "watchdog-6"
_FOR_DEVELOPMENT = ("python-dotenv", "watchfiles")  # Flask and Granian use them when they are there
_FAILURES = SUITE_BIN.parent / "failures.json"


def main() -> None:
    """Installs everything, and says what could not be."""
    if not SUITE_BIN.exists():
        venv.create(SUITE_BIN.parent, symlinks=True, with_pip=True)
    _pip_install("pip", FRAMEWORK, *_FOR_DEVELOPMENT)
    _pip_install("--target", str(WATCHDOG), "watchdog")
    _pip_install("--target", str(WATCHDOG_6), "watchdog<7")
    failures = {}
    for name in sorted({peer.distribution for peer in PEERS if peer.distribution}):
        try:
            _pip_install(name)
        except RuntimeError as error:
            failures[name] = str(error)
    try:
        compile_bare_loop()
    except RuntimeError as error:
        failures[BARE_LOOP] = str(error)
    _FAILURES.write_text(json.dumps(failures, indent=1) + "\n")
    for name, reason in failures.items():
        print(f"warning: `{name}` is left out: {reason}", file=sys.stderr)


def failures() -> dict[str, str]:
    """What could not be installed, and why.

    Raises:
        FileNotFoundError: Nothing was installed so far.
    """
    reasons: dict[str, str] = json.loads(_FAILURES.read_text())
    return reasons


def installed_versions(python: Path) -> dict[str, str]:
    """The distributions in an environment."""
    program = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    )
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    versions: dict[str, str] = json.loads(done.stdout)
    return versions


def _pip_install(*requirements: str) -> None:
    command = [str(SUITE_BIN / "python"), "-m", "pip", "install", "--quiet", "--upgrade"]
    command.append("--disable-pip-version-check")
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(reason_of(done.stderr))


def reason_of(output: str) -> str:
    """The one line of what pip wrote that says why it failed."""
    # The compiler's own line says more than those of pip around it.
    lines = [line.strip() for line in output.splitlines() if "error:" in line.lower()]
    of_compiler = [line for line in lines if "fatal error:" in line]
    return (of_compiler or lines or ["pip failed"])[0]


if __name__ == "__main__":
    main()
