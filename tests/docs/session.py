"""Plays the sessions of a page as its reader would: one folder, one shell, one server.

Each line that begins with `$ ` is run, and what the page shows below it is compared with what
it printed. A server, known by the line `ready` that the page shows, runs on until the page shows
`^C`, starts another one, or ends. `…` stands for any text, and alone for any lines. Not compared
are process ids, versions, times, the widths of columns, which port is offered instead of a taken
one, how many workers there are, and where the folder and the interpreter lie.

The page's ports are replaced by free ones, uncork's default port among them.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

from tests.docs.pages import Block
from tests.support import components
from tests.support.live_server import server_environment, skip_without_native_core

DEADLINE_SECONDS = 15.0
FOLDER = "/srv/hello"
"""Where the pages' readers keep their app."""
_DEFAULT_PORT = "8000"
_DEV_PORT = "5000"
_PORTS = (_DEFAULT_PORT, _DEV_PORT, "8001", "8050", "8080", "8443")
"""The ports that pages may name; every other number is what it is."""
_PORT = re.compile(rf"(?<![\d.])({'|'.join(_PORTS)})\b")
# The last line of `uncork serve`; the first one of `uncork dev`, with some more behind it.
_READY = re.compile(r"^ready |^uncork .* ready in ", re.MULTILINE)
_UNCORK = """\
#!{python}
import sys
from uncork.settings import bind
object.__setattr__(bind.DEFAULT_BIND, "port", {port})
from uncork.__main__ import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Step:
    """One command of a session, and what the page shows below it."""

    command: str
    shown: str
    line: int
    is_interrupted: bool

    @property
    def is_server(self) -> bool:
        """Whether it goes on until it is stopped."""
        return _READY.search(self.shown) is not None


def steps(block: Block) -> list[Step]:
    """The commands of a `console` block; each begins with `$ `."""
    found: list[Step] = []
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if line.startswith("$ "):
            found.append(Step(line[2:], "", number, False))
            continue
        assert found, f"line {number}: a session begins with a command"
        last = found.pop()
        if line == "^C":
            found.append(Step(last.command, last.shown, last.line, True))
        else:
            shown = f"{last.shown}{line}\n"
            found.append(Step(last.command, shown, last.line, last.is_interrupted))
    return found


@dataclass
class _Server:
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not _READY.search(self.log.read_text()):
            try:
                self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < deadline, f"not ready in time:\n{self.log.read_text()}"
            else:
                break

    def interrupt(self) -> None:
        """Ctrl+C."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Session:
    """A reader who has come to some line of a page; leaving the `with` block ends the server.

    Args:
        folder: Empty; the page's files are written here, and its commands run here.
        tools: Empty; `uncork` is put here.
    """

    folder: Path
    tools: Path
    _ports: dict[str, str] = field(default_factory=dict)
    _exit_code: int = 0
    _server: _Server | None = None
    _control: Path = Path()

    def __post_init__(self) -> None:
        skip_without_native_core()
        # Short: a socket's path has 107 bytes at the most.
        self._control = Path(gettempdir()) / f"uncork-docs-{os.getpid()}.sock"
        with ExitStack() as stack:
            for port in _PORTS:
                free = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                self._ports[port] = str(free.getsockname()[1])
        program = self.tools / "uncork"
        port = self._ports[_DEFAULT_PORT]
        program.write_text(_UNCORK.format(python=sys.executable, port=port))
        program.chmod(0o755)
        # On a terminal, as the reader has one, curl shows no progress of what it prints.
        (self.tools / ".curlrc").write_text("silent\nshow-error\n")

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.kill()

    def write(self, block: Block) -> None:
        """Saves the block as the file that the page names."""
        assert block.file_name is not None
        path = self.folder / block.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._with_free_ports(block.text))

    def play(self, step: Step) -> None:
        """Runs the command.

        Raises:
            AssertionError: It printed something else than the page shows.
        """
        command = self._with_free_ports(step.command)
        for program in ("curl", "openssl"):
            if f"{program} " in command:
                components.program(program)
        printed = self._serve(command, step) if step.is_server else self._run(command)
        shown = self._with_free_ports(step.shown)
        assert is_as_shown(self._readers_view(shown), self._readers_view(printed)), (
            f"line {step.line}: `{step.command}` printed\n{self._readers_view(printed)}\n"
            f"and the page shows\n{self._readers_view(shown)}"
        )

    def end(self) -> None:
        """Stops the server, if one runs still.

        Raises:
            AssertionError: It did not end as asked.
        """
        if self._server is not None:
            self._server.interrupt()
            code = self._server.process.returncode
            assert code == 0, f"exit code {code}:\n{self._server.log.read_text()}"
            self._server = None

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", f"(exit {self._exit_code}); {command}"],
            cwd=self.folder,
            env=self._environment(is_another_server="uncork serve" in command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        self._exit_code = done.returncode
        return done.stdout

    def _serve(self, command: str, step: Step) -> str:
        self.end()
        log = self.tools / "log"
        with log.open("wb") as output:
            # `exec`: the process that was started is the server itself, and gets the Ctrl+C.
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec env {command}"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._server = _Server(process, log)
        self._server.wait_until_ready()
        if step.is_interrupted:
            self.end()
        return log.read_text()

    def _environment(self, *, is_another_server: bool = False) -> dict[str, str]:
        places = (self.tools, Path(sys.executable).parent, os.environ["PATH"])
        path = ":".join(map(str, places))
        # A script's own lines come in between the others, as on the reader's terminal.
        own = {"PATH": path, "CURL_HOME": str(self.tools), "PYTHONUNBUFFERED": "1"}
        # Nor does the reader sit in a container, where the server would listen for others too.
        own |= {"UNCORK_DEV_HOST": "127.0.0.1", "UNCORK_DEV_PORT": self._ports[_DEV_PORT]}
        own["UNCORK_WORKERS"] = "1"  # a second one might or might not have come up at the `^C`
        if not is_another_server:
            # The reader's machine has no other servers; this one may.
            own["UNCORK_CONTROL"] = str(self._control)
        return server_environment(own)

    def _with_free_ports(self, text: str) -> str:
        return _PORT.sub(lambda found: self._ports[found[0]], text)

    def _readers_view(self, text: str) -> str:
        """The text without what is the machine's own."""
        for mine, theirs in (
            (str(self.tools), f"{FOLDER}/.venv/bin"),
            (shlex.quote(sys.executable), f"{FOLDER}/.venv/bin/python"),
            (str(self.folder), FOLDER),
        ):
            text = text.replace(mine, theirs)
        for port, free in self._ports.items():
            text = re.sub(rf"(?<!\d){free}\b", port, text)
        for pattern, replacement in (
            # The reader is not root, as the tests may be.
            (r"(?m)^warning: the app is served as root.*\n(hint: .*\n){2}", ""),
            (r"process \d+ \(`[^`]*`\)", "process 4121 (`a command`)"),
            (r"process \d+", "process 4121"),
            (r"\d+ workers? \([^)]*\)", "2 workers (one for each CPU)"),
            (r"(choose a port with `--bind [\w.]+):\d+", r"\1:8444"),
            (r"\buncork \d[\w.]*", "uncork 0.1.0"),
            (r"(?m)^Date: .*", "Date: Sat, 21 Nov 2026 09:00:00 GMT"),
            (r"started [\dhms ]+ ago", "started 2m 5s ago"),
            (r"last reload [\dhms ]+ ago", "last reload 1m ago"),
            (r"after [\d.]+ s\b", "after 0.8 s"),
            (r"ready in [\d.,]+ m?s\b", "ready in 115 ms"),
            (r"debugger PIN: [\d-]+", "debugger PIN: 590-076-721"),
            (r"[\d.]+ MiB in all", "58.4 MiB in all"),
            (r"(?m)^[\d,]+ requests? answered.*", "(the requests)"),
            (r"(?m)(?:^\d+ +\d+ +\d+ +ready .*\n?)+", "(the workers)\n"),
            (r"(?m)[ \t\r]+$", ""),
            (r" {2,}", "  "),  # the columns of a table are as wide as the paths in them
            (r"-{3,}", "---"),
        ):
            text = re.sub(pattern, replacement, text)
        return text.strip("\n")


def is_as_shown(shown: str, printed: str) -> bool:
    """Whether they are the same, but for what `…` stands for in what is shown."""
    lines = [
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in shown.splitlines()
    ]
    return re.fullmatch("".join(lines), printed + "\n" if printed else "") is not None
