"""A real `uncork serve` in a process of its own, for tests over a real socket.

`LiveServer` binds port 0 itself and passes the listener on as `fd://N`, so no test races for a
port. Leaving its `with` block stops the server and asserts that it went cleanly: exit code 0,
no process of its group left, no socket file left. The log stands in every failure.

`run_uncork` is for commands that end by themselves, such as a server that refuses to start.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import components
from tests.support.nobody import nobodys
from tests.support.raw_client import RawClient

DEADLINE_SECONDS = 8.0  # below pytest's own timeout, so that the failure shows the log
_READY = re.compile(r"^ready\b", re.MULTILINE)
_IS_EXITING = 0x4  # `PF_EXITING` (linux/sched.h): no code of its own runs any more
_URL = re.compile(r"https?://[^\s,]+")
# What the machine of the person who runs the tests has set must not change their result.
_FOREIGN_VARIABLES = ("UNCORK_", "FLASK_", "PORT", "WEB_CONCURRENCY", "FORCE_COLOR", "LISTEN_")


class LiveServer:
    """Runs `python -m uncork serve ARGUMENTS` while its `with` block runs.

    Args:
        arguments: What follows `uncork serve`, such as `"hello:app"`.
        directory: The server's working directory.
        env: Variables to add; the tests' own settings variables are never inherited.
        sockets: How many TCP listeners on 127.0.0.1 to bind here and to pass as `fd://N`.
        binds: Further `--bind` texts, bound by the server itself. One that starts with
            `unix:` has its file checked for removal at the end.
        as_nobody: Runs the server without root's rights, if the tests have them.
        wrap: Makes the command that is run of the server's own, as `tests.support.roots` does.
        ulimit: What a shell's `ulimit` is given before the server starts, such as `"-n 256"`.
        is_tls: The server was given a certificate: `url` begins with `https`.
        waits_until_ready: `False` returns as soon as the process was started.
        exit_code: What the server must end with.
        workers: How many; `None` leaves it to the other arguments and the machine.
    """

    def __init__(
        self,
        *arguments: str,
        directory: Path,
        env: Mapping[str, str] | None = None,
        sockets: int = 1,
        binds: Sequence[str] = (),
        as_nobody: bool = False,
        wrap: Callable[[Sequence[str]], list[str]] = list,
        ulimit: str | None = None,
        is_tls: bool = False,
        waits_until_ready: bool = True,
        exit_code: int = 0,
        workers: int | None = 1,
    ) -> None:
        self.arguments = arguments
        self.directory = directory
        self.unix_paths = [Path(bind.removeprefix("unix:")) for bind in binds if is_unix(bind)]
        self.addresses: list[tuple[str, int]] = []
        self._env = server_environment(env)
        self._sockets = sockets
        self._binds = binds
        self._as_nobody = as_nobody
        self._wrap = wrap
        self._ulimit = ulimit
        self._scheme = "https" if is_tls else "http"
        self._waits_until_ready = waits_until_ready
        self._expected_exit_code = exit_code
        self._workers = () if workers is None else (f"--workers={workers}",)

    def __enter__(self) -> Self:
        skip_without_native_core()
        listeners = [
            socket.create_server(("127.0.0.1", 0), backlog=2048) for _ in range(self._sockets)
        ]
        try:
            self.addresses = [listener.getsockname() for listener in listeners]
            self._start([listener.fileno() for listener in listeners])
        finally:
            for listener in listeners:
                listener.close()
        try:
            if self._waits_until_ready:
                self.wait_until_ready()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._kill()
            error.add_note(self._described_log())
            return
        try:
            self._assert_clean_exit()
        finally:
            self._kill()

    @property
    def url(self) -> str:
        """The address of the first listener, without a trailing slash."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """The addresses of all the listeners that were bound here."""
        return [f"{self._scheme}://{host}:{port}" for host, port in self.addresses]

    @property
    def announced_urls(self) -> list[str]:
        """The URLs of the banner, in its order."""
        return _URL.findall(self.log())

    @property
    def pid(self) -> int:
        """The process that was started: the supervisor."""
        return self._process.pid

    @property
    def worker_pids(self) -> list[int]:
        """The workers, in the order of their start."""
        return [pid for pid in self._children if not _is_template(pid)]

    @property
    def template_pids(self) -> list[int]:
        """The processes that workers are forked from."""
        return [pid for pid in self._children if _is_template(pid)]

    @property
    def _children(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    @property
    def worker_pid(self) -> int:
        """The one worker there is."""
        (pid,) = self.worker_pids
        return pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def connect(self, *, timeout_seconds: float = 5.0) -> socket.socket:
        """A new connection to the first TCP listener, or to the unix socket without one."""
        if self.addresses:
            return socket.create_connection(self.addresses[0], timeout=timeout_seconds)
        return self.connect_unix(timeout_seconds=timeout_seconds)

    def connect_unix(self, *, timeout_seconds: float = 5.0) -> socket.socket:
        """A new connection to the first unix socket."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_seconds)
        connection.connect(str(self.unix_paths[0]))
        return connection

    def client(self, *, timeout_seconds: float = 5.0) -> RawClient:
        """A `RawClient` on a new connection."""
        return RawClient(self.connect(timeout_seconds=timeout_seconds))

    def count_connections(self) -> int:
        """The connections that the kernel shows as established at the first TCP listener."""
        port = f":{self.addresses[0][1]:04X}"
        fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        # By <net/tcp_states.h>: established, or closed by the peer alone.
        return sum(field[1].endswith(port) and field[3] in {"01", "08"} for field in fields)

    def log(self) -> str:
        """Everything the server wrote so far, stdout and stderr together."""
        with self._log_grew:
            return "".join(self._log)

    def wait_until_ready(self) -> None:
        """Returns once the banner said `ready`."""
        self.wait_for(lambda: _READY.search(self.log()) is not None, "the banner said `ready`")

    def wait_for_log(self, text: str) -> None:
        """Returns once `text` stands in the log."""
        self.wait_for(lambda: text in self.log(), f"the log had {text!r}")

    def wait_for(
        self, condition: Callable[[], bool], what: str, *, seconds: float = DEADLINE_SECONDS
    ) -> None:
        """Returns once `condition()` holds; it is asked again whenever the log grew.

        Raises:
            AssertionError: It did not hold in time, or the server ended before.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            has_ended = self._log_has_ended.is_set()
            if has_ended:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(1.0)  # its end comes a moment after that of its log
            if condition():  # the log may have grown just before its end
                return
            if has_ended or time.monotonic() > deadline:
                why = "the server ended" if has_ended else f"{seconds} s went by"
                raise AssertionError(f"{why} before {what}\n{self._described_log()}")
            with self._log_grew:
                self._log_grew.wait(0.02)

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the server."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code, after sending `number` and waiting for the end."""
        if self.is_running:
            self.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once the server has ended by itself.

        Raises:
            AssertionError: It did not end in time.
        """
        try:
            exit_code = self._process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end\n{self._described_log()}") from None
        self._reader.join(DEADLINE_SECONDS)
        return exit_code

    def _start(self, descriptors: list[int]) -> None:
        command = uncork_command(self.directory, as_nobody=self._as_nobody)
        command += self._command(descriptors)
        if self._ulimit is not None:
            command = ["/bin/sh", "-c", f'ulimit {self._ulimit} && exec "$0" "$@"', *command]
        self._log: list[str] = []
        self._log_grew = threading.Condition()
        self._log_has_ended = threading.Event()
        self._process = subprocess.Popen(
            self._wrap([*command, *self.arguments]),
            cwd=self.directory,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            pass_fds=descriptors,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_log, name="live-server-log", daemon=True)
        self._reader.start()

    def _command(self, descriptors: list[int]) -> list[str]:
        """The command of uncork's that serves, up to `arguments`."""
        binds = [*(f"fd://{descriptor}" for descriptor in descriptors), *self._binds]
        return ["serve", *(f"--bind={bind}" for bind in binds), *self._workers]

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._log_grew:
                    self._log.append(line)
                    self._log_grew.notify_all()
        self._log_has_ended.set()

    def _assert_clean_exit(self) -> None:
        exit_code = self.stop()
        assert exit_code == self._expected_exit_code, (
            f"the server ended with {exit_code}\n{self._described_log()}"
        )
        assert not self._group_is_alive(), f"a process was left over\n{self._described_log()}"
        for path in self.unix_paths:
            left = [entry.name for entry in path.parent.glob(f"*{path.name}*")]
            assert not left, f"left beside {path}: {left}\n{self._described_log()}"

    def _group_is_alive(self) -> bool:
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                # What follows the name, which may hold blanks: proc_pid_stat(5), from field 3 on.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                state, group, flags = fields[0], int(fields[2]), int(fields[6])
                # Nobody may be there to reap what a killed supervisor has left; and a moment
                # before it waits for that, it has closed its log.
                if group == self.pid and state != "Z" and not flags & _IS_EXITING:
                    return True
        return False

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(DEADLINE_SECONDS)

    def _described_log(self) -> str:
        log = self.log() or "(nothing)\n"
        return f"--- log of `uncork serve {' '.join(self.arguments)}` ---\n{log}--- end of log ---"


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


def run_uncork(
    *arguments: str,
    directory: Path,
    env: Mapping[str, str] | None = None,
    as_nobody: bool = False,
    pass_fds: Sequence[int] = (),
) -> Finished:
    """How `python -m uncork ARGUMENTS` ended; it must end by itself, in time."""
    skip_without_native_core()
    done = subprocess.run(
        [*uncork_command(directory, as_nobody=as_nobody), *arguments],
        cwd=directory,
        env=server_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
        pass_fds=pass_fds,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def server_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tests' environment without what would change a server's settings, and `extra`."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)
    }
    return {**kept, **(extra or {})}


def is_unix(bind: str) -> bool:
    """Whether a `--bind` text names a unix socket's file."""
    return bind.startswith("unix:")


def _is_template(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text() == "uncork-template\n"
    return False


def skip_without_native_core() -> None:
    """Skips the test while `uncork._native` has not been built; the only place that does."""
    if importlib.util.find_spec("uncork._native") is None:
        components.missing("`uncork._native` is not built")


def uncork_command(directory: Path, *, as_nobody: bool = False) -> list[str]:
    """`python -m uncork`; with `as_nobody`, without root's rights if the tests have them."""
    command = [sys.executable, "-m", "uncork"]
    return nobodys(command, directory) if as_nobody else command
