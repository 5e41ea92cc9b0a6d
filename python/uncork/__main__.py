"""The way in: the `uncork` command and `python -m uncork`."""

from __future__ import annotations

import sys

from uncork import cli


def main() -> int:
    """Runs the command line of this process and returns its exit code."""
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
