"""Logs that are moved away and opened again (USR1), and several workers that write to one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.admin_client import ADMIN
from tests.support.live_server import LiveServer

pytestmark = pytest.mark.slow

APPS = Path(__file__).parent.parent / "apps"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(APPS / "logged.py", tmp_path)
    return tmp_path


@contextmanager
def load(server: LiveServer, clients: int) -> Iterator[list[int]]:
    """Clients that ask all the while; what each has been answered is counted."""
    counts, is_over = [0] * clients, threading.Event()

    def ask(number: int) -> None:
        while not is_over.is_set():
            with server.client() as client:
                for _ in range(50):
                    target = f"/{number}/{counts[number]}/{'a' * 600}"
                    assert client.get(target, "User-Agent: " + "x" * 200).status == 200
                    counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def wait_for_more(server: LiveServer, counts: list[int]) -> None:
    wanted = sum(counts) + 200
    server.wait_for(lambda: sum(counts) > wanted, "requests were answered")


def test_rotation_under_load_loses_and_cuts_no_line(folder: Path) -> None:
    log = folder / "access.log"
    arguments = ("--access-log=access.log", "--access-log-format=json")
    with LiveServer("logged:app", *arguments, directory=folder, workers=2) as server:
        with load(server, clients=4) as counts:
            for turn in range(5):
                wait_for_more(server, counts)
                log.rename(folder / f"access.log.{turn}")
                server.send_signal(signal.SIGUSR1)
                server.wait_for(log.exists, "the log was opened again")
        assert server.stop() == 0
        assert server.log().count("logs reopened: `access.log`\n") == 5
    entries = [
        json.loads(line)
        for path in folder.glob("access.log*")
        for line in path.read_text().splitlines()
    ]
    assert len({entry["worker"] for entry in entries}) == 2
    assert len({entry["target"] for entry in entries}) == len(entries) == sum(counts)


@pytest.mark.parametrize("preload", ["on", "off"])
@pytest.mark.parametrize("log", ["access", "error"])
def test_nobody_has_open_what_was_moved_away(folder: Path, log: str, preload: str) -> None:
    is_told = log == "access"  # else that it is ready does not stand on stderr
    arguments = ("logged:app", f"--{log}-log=some.log", f"--preload={preload}")
    with LiveServer(*arguments, directory=folder, workers=2, waits_until_ready=is_told) as server:
        old, new = folder / "old.log", folder / "some.log"
        server.wait_for(lambda: is_told or (new.exists() and "\nready" in new.read_text()), "ready")
        wait_for_two(server)
        new.rename(old)
        assert open_in(server, old) > 0
        server.send_signal(signal.SIGUSR1)
        server.wait_for(lambda: open_in(server, old) == 0, "everybody had closed the old file")
        killed = server.worker_pids
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        server.wait_for(lambda: not set(killed) & set(server.worker_pids), "they were gone")
        wait_for_two(server)

        def is_logged_by_a_new_one() -> bool:
            with server.client() as client:
                client.get("/boom")
            return ("/boom" if is_told else "RuntimeError: boom") in new.read_text()

        server.wait_for(is_logged_by_a_new_one, "a worker that came later logged to the new file")
        assert open_in(server, old) == 0


def wait_for_two(server: LiveServer) -> None:
    """Returns once there are two workers; a process that is to be the template is one no more."""
    server.wait_for(lambda: len(server.worker_pids) == 2, "there were two workers")


def open_in(server: LiveServer, path: Path) -> int:
    """How many descriptors of the server's processes stand for that file."""
    file = path.stat()
    count = 0
    for pid in (server.pid, *server.worker_pids, *server.template_pids):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                count += link.stat().st_ino == file.st_ino and link.stat().st_dev == file.st_dev
    return count


def test_the_processes_beside_the_workers_write_to_the_new_error_log_too(folder: Path) -> None:
    (folder / "jobs.py").write_text(
        "import os, pathlib, sys, time\n"
        "def run():\n"
        "    pathlib.Path('job').write_text(str(os.getpid()))\n"
        "    while not pathlib.Path('speak').exists():\n"
        "        time.sleep(0.02)\n"
        "    print('the job speaks', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
    )
    old, new = folder / "old.log", folder / "some.log"
    arguments = ("logged:app", "--error-log=some.log", "--once=job=jobs:run", ADMIN)
    with LiveServer(*arguments, directory=folder, waits_until_ready=False) as server:
        server.wait_for((folder / "job").exists, "the job ran")
        server.wait_for(lambda: "\nready" in new.read_text(), "the server was ready")
        server.wait_for(
            lambda: {"uncork-admin", "uncork-once"} <= names(server), "the processes had names"
        )
        new.rename(old)
        server.send_signal(signal.SIGUSR1)
        server.wait_for(lambda: open_in(server, old) == 0, "everybody had closed the old file")
        (folder / "speak").touch()
        server.wait_for(lambda: "the job speaks\n" in new.read_text(), "the job wrote there")


def names(server: LiveServer) -> set[str]:
    """What the server's processes are called."""
    return {Path(f"/proc/{pid}/comm").read_text().rstrip() for pid in server.worker_pids}


def test_a_log_that_can_not_be_opened_again_goes_on_as_before(folder: Path) -> None:
    (folder / "logs").mkdir()
    with LiveServer("logged:app", "--access-log=logs/access.log", directory=folder) as server:
        (folder / "logs").rename(folder / "moved")
        server.send_signal(signal.SIGUSR1)
        server.wait_for_log("error: could not open the access log `logs/access.log`")
        with server.client() as client:
            client.get("/after")
        path = folder / "moved" / "access.log"
        server.wait_for(lambda: "/after" in path.read_text(), "the line was written")


def test_the_error_log_takes_what_would_go_to_stderr(folder: Path) -> None:
    path = folder / "error.log"
    server = LiveServer(
        "logged:app", "--error-log=error.log", directory=folder, waits_until_ready=False, workers=2
    )
    with server:
        server.wait_for(lambda: path.exists() and "\nready as" in path.read_text(), "it was ready")
        with server.client() as client:
            client.get("/boom")
        server.wait_for(lambda: "RuntimeError: boom" in path.read_text(), "it was told")
        assert "about to fail in" in path.read_text()
        path.rename(folder / "old.log")
        server.send_signal(signal.SIGUSR1)
        server.wait_for(
            lambda: path.exists() and "logs reopened: `error.log`" in path.read_text(), "reopened"
        )

        def fails_here() -> bool:
            with server.client() as client:
                client.get("/boom")
            return path.read_text().count("RuntimeError: boom") > 20

        server.wait_for(fails_here, "the new file had what fails now")
        assert server.stop() == 0
        assert path.read_text().endswith("stopped\n")
    assert server.log() == ""


def test_without_files_there_is_nothing_to_reopen(folder: Path) -> None:
    with LiveServer("logged:app", "--access-log=-", directory=folder) as server:
        server.send_signal(signal.SIGUSR1)
        server.wait_for_log("note: no log goes to a file")


def test_a_reload_may_name_another_access_log(folder: Path) -> None:
    settings = folder / "uncork.toml"
    settings.write_text('access_log = "one.log"\n')
    with LiveServer("logged:app", directory=folder) as server:
        with server.client() as client:
            client.get("/one")
        settings.write_text('access_log = "two.log"\n')
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2 serves")

        def is_logged_there() -> bool:
            with server.client() as client:  # the old worker may take some for a last time
                client.get("/two")
            return "/two" in (folder / "two.log").read_text()

        server.wait_for(is_logged_there, "the new workers wrote to the new log")
