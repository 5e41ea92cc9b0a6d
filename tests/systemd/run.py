"""Boots a real systemd in a container and has it run uncork: `make systemd`, as root.

The tree of the container is made once, by debootstrap, and kept in /var/tmp. It has Debian's
Python; uncork is the one of this repository, so its native core has to be built for that Python.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREE = Path("/var/tmp/uncork-nspawn/tree")
PACKAGES = "systemd,systemd-sysv,dbus,procps,python3,python3-click,python3-dotenv"
_BOOT_SECONDS = 240
# nspawn cleans up in /run and takes care that it is no disk.
_BOOT = 'mount -t tmpfs tmpfs /run && exec "$@"'
_UNIT = """\
[Unit]
After=basic.target
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /repo/tests/systemd/inside.py
"""


def main() -> int:
    """Prints a line for each fact; the exit code is 1 if one does not hold."""
    for program in ("debootstrap", "systemd-nspawn", "unshare"):
        if shutil.which(program) is None:
            print(f"`{program}` is not installed: apt-get install debootstrap systemd-container")
            return 2
    if not (TREE / "usr/bin/python3").exists():
        make_tree()
    (TREE / "etc/systemd/system/uncork-check.service").write_text(_UNIT)
    result = TREE / "result.json"
    result.unlink(missing_ok=True)
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", _BOOT, "sh"),
            *("systemd-nspawn", "-q", "-D", str(TREE), f"--bind-ro={ROOT}:/repo"),
            *("--register=no", "--keep-unit", "--private-network", "--volatile=no", "-b"),
            "systemd.unit=uncork-check.service",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_BOOT_SECONDS,
        check=False,
    )
    if not result.exists():
        print(done.stdout[-4000:], done.stderr[-4000:])
        return 1
    facts = json.loads(result.read_text())
    for name, outcome in facts.items():
        print(f"{'ok  ' if outcome == 'ok' else 'FAIL'} {name.replace('_', ' ')}")
        if outcome != "ok":
            print(outcome)
    failed = sum(outcome != "ok" for outcome in facts.values())
    print(f"{len(facts) - failed} facts hold, {failed} do not")
    return 1 if failed else 0


def make_tree() -> None:
    """Installs Debian, of this machine's release, into `TREE`."""
    TREE.parent.mkdir(parents=True, exist_ok=True)
    release = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().split("\n")
        if "=" in line
    )
    codename = release.get("VERSION_CODENAME", "stable")
    mirror = "http://deb.debian.org/debian"
    include = f"--include={PACKAGES}"
    subprocess.run(
        ["debootstrap", "--variant=minbase", include, codename, str(TREE), mirror], check=True
    )


if __name__ == "__main__":
    sys.exit(main())
