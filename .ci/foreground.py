"""Runs a command so that Ctrl+C reaches it, and not the `make` that started it.

A terminal sends Ctrl+C to every process of its foreground group. make is in that group, waits
for the command, and then ends as interrupted, even if the command has stopped as it should. So
the command gets a group of its own, which is put in the foreground while it runs: what a shell
does with each of its jobs. Without a terminal, this program becomes the command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

# A terminal that is closed ends the command too; servers take HUP itself for a reload.
_PASSED_ON = {
    signal.SIGHUP: signal.SIGTERM,
    signal.SIGINT: signal.SIGINT,
    signal.SIGTERM: signal.SIGTERM,
}


def main(command: list[str]) -> int:
    """The command's exit code; does not return when there is no terminal to give away."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        terminal = -1
    if terminal < 0 or not is_in_foreground(terminal):
        os.execvp(command[0], command)
    child = subprocess.Popen(command, process_group=0)
    for number, sent in _PASSED_ON.items():
        signal.signal(number, lambda *_, sent=sent: os.killpg(child.pid, sent))
    # Taking the terminal back from the background would stop us (tcsetpgrp(3)).
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(terminal, child.pid)
    try:
        return wait(child.pid, terminal)
    finally:
        os.tcsetpgrp(terminal, os.getpgrp())


def wait(child: int, terminal: int) -> int:
    """The child's exit code; what stops the child (Ctrl+Z) stops us and `make` as well."""
    while True:
        status = os.waitpid(child, os.WUNTRACED)[1]
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        os.tcsetpgrp(terminal, os.getpgrp())
        os.killpg(0, signal.SIGTSTP)
        # Here we go on, in the foreground or not.
        if is_in_foreground(terminal):
            os.tcsetpgrp(terminal, child)
        os.killpg(child, signal.SIGCONT)


def is_in_foreground(terminal: int) -> bool:
    """Whether this process belongs to the terminal's foreground group."""
    return os.tcgetpgrp(terminal) == os.getpgrp()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
