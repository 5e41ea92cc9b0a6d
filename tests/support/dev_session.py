"""A real `uncork dev` on a terminal of its own, and requests to it that somebody waits for."""

from __future__ import annotations

import re
import shlex
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.support.live_server import server_environment, skip_without_native_core
from tests.support.terminal_session import TerminalSession

_ANSWER_SECONDS = 60.0
_URL = re.compile(r"(http://127\.0\.0\.1:\d+)\n")


class DevSession(TerminalSession):
    """`uncork dev hello.py` in a folder.

    Args:
        directory: Where the app is.
        in_shell: Whether a shell with job control starts it, in which one may type on.
        background: Whether that starts it with `&`.
    """

    def __init__(
        self, directory: Path, *, in_shell: bool = False, background: bool = False
    ) -> None:
        skip_without_native_core()
        own = [sys.executable, "-m", "uncork", "dev", "hello.py", "--host=127.0.0.1", "--port=0"]
        self._typed = shlex.join(own) + (" &" if background else "") if in_shell else None
        shell = ["bash", "--norc", "--noprofile", "-i"]
        env = {
            **server_environment(None),
            "TERM": "xterm",
            "NO_COLOR": "1",
            "PS1": "READY> ",
            "HISTFILE": "",
            # What `pdb` reads belongs to the person who runs the tests.
            "HOME": str(directory),
        }
        super().__init__(shell if in_shell else own, directory, env)

    @property
    def url(self) -> str:
        """Where the app is, by the banner."""
        return str(_URL.findall(self.screen)[-1])

    @property
    def is_in_shell(self) -> bool:
        """Whether the shell has the terminal."""
        return self._typed is not None and self.foreground == self.process.pid

    def begin(self) -> None:
        """Returns when the app is ready; typed into the shell, if there is one."""
        if self._typed is not None:
            self.wait_for_text("READY>")
            self.type(f"{self._typed}\r")
        self.wait_for_text("for production:")

    def wait_for_keys(self) -> None:
        """Returns when keys are read: neither the shell nor a debugger reads what is typed."""
        self.wait_for(lambda: not self.is_in_shell and self.has_single_keys, "keys")

    def request(self, path: str) -> Answer:
        """Asks for a page, without waiting for it."""
        return Answer(f"{self.url}{path}")


class Answer:
    """What a request is answered with, once it is."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.text: str | None = None
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        try:
            with urllib.request.urlopen(self._url, timeout=_ANSWER_SECONDS) as answer:
                self.text = answer.read().decode()
        except OSError as error:
            self.text = f"none: {error!r}"


def alive(folder: Path, name: str) -> Sequence[int]:
    """The processes that have written their number into `name.*` in a folder, and still run."""
    found = []
    for path in folder.glob(f"{name}.*"):
        pid = int(path.suffix[1:])
        stat = Path(f"/proc/{pid}/stat")
        try:
            if stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
                found.append(pid)
        except OSError:
            continue
    return found
