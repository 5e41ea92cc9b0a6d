"""A worker killed once a second for a minute, and hundreds of reloads, all under load.

`make soak` runs it; the suite has a short version of both. It ends with a traceback when a client
has lost what it should not.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.support.kills import kill_workers
from tests.support.reloads import reload_often


def main() -> None:
    """Runs both as long as was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--reloads", type=int, default=300, help="every fifth is broken")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(kill_workers(Path(folder), asked.kills, seconds_between=1.0), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(reload_often(Path(folder), asked.reloads, asked.reloads // 5), flush=True)


if __name__ == "__main__":
    main()
