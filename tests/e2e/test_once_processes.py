"""`[tool.uncork.once]`: processes that run in one copy beside the workers."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.admin_client import ADMIN
from tests.support.live_server import LiveServer, run_uncork

pytestmark = pytest.mark.slow

APP = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
JOBS = """\
import atexit, os, time

def say(text):
    os.write(1, f"{os.getpid()} {text}\\n".encode())

def run():
    atexit.register(say, "ends")
    try:
        say("runs " + os.environ.get("WORD", ""))
        time.sleep(60)
    finally:
        say("was told")

def fail():
    say("tries")
    raise LookupError("no such job")

def finish():
    say("is done")

def hang():
    while True:
        try:
            say("hangs")
            time.sleep(60)
        except KeyboardInterrupt:
            pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    (tmp_path / "jobs.py").write_text(JOBS)
    return tmp_path


def settings(folder: Path, lines: str, more: str = "") -> None:
    (folder / "uncork.toml").write_text(f"{more}\n[once]\n{lines}\n")


def who(server: LiveServer, text: str) -> list[int]:
    """The processes that have said it, in their order."""
    return [int(pid) for pid in re.findall(rf"^(\d+) {text}", server.log(), re.MULTILINE)]


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_function_runs_in_one_process_beside_the_workers_and_ends_with_them(
    folder: Path,
) -> None:
    settings(folder, 'scheduler = "jobs:run"')
    with LiveServer("hello:app", directory=folder, workers=3) as server:
        server.wait_for(lambda: bool(who(server, "runs")), "it ran")
        (pid,) = who(server, "runs")
        server.wait_for_log(f"`scheduler` (process {pid}) runs `jobs:run` once")
        assert server.stop() == 0
        assert (who(server, "was told"), who(server, "ends")) == ([pid], [pid])
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("as_text", [True, False])
def test_a_command_runs_too(folder: Path, as_text: bool) -> None:
    code = "import os, time; os.write(1, b'%d runs\\n' % os.getpid()); time.sleep(60)"
    line = f'{sys.executable} -c \\"{code}\\"' if as_text else ""
    run = f'"{line}"' if as_text else f'["{sys.executable}", "-c", "{code}"]'
    settings(folder, f"beat = {run}".replace("\\n", "\\\\n"))
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: bool(who(server, "runs")), "it ran")
        assert server.stop() == 0


def test_the_status_names_each_and_says_how_it_is(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"\nmigrate = "jobs:finish"')
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        server.wait_for(lambda: len(who(server, "runs")) == 1, "it ran")
        os.kill(who(server, "runs")[0], signal.SIGKILL)
        server.wait_for(lambda: len(who(server, "runs")) == 2, "it ran again")
        server.wait_for_log("has finished")
        server.wait_for_log("health and metrics on")
        told = run_uncork("status", "--json", str(server.pid), directory=folder)
        facts = json.loads(told.stdout)
        scheduler, migrate = facts["once"]
        pid = who(server, "runs")[1]
        assert scheduler["memory"]["resident"] > 2**20
        assert scheduler["age_seconds"] >= 0
        del scheduler["memory"], scheduler["age_seconds"]
        assert scheduler == {
            "name": "scheduler",
            "run": "jobs:run",
            "pid": pid,
            "state": "running",
            "restarts": 1,
        }
        assert (migrate["state"], migrate["pid"], migrate["restarts"]) == ("finished", None, 0)
        assert facts["admin"]["pid"] in server.worker_pids
        shown = run_uncork("status", str(server.pid), directory=folder).stdout
        assert re.search(rf"^scheduler +{pid} +running +\d+s +1 .* jobs:run$", shown, re.MULTILINE)
        assert f"health and metrics by process {facts['admin']['pid']}" in shown


def test_one_that_dies_is_started_again_and_the_log_says_how_it_died(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: len(who(server, "runs")) == 1, "it ran")
        (first,) = who(server, "runs")
        os.kill(first, signal.SIGKILL)
        server.wait_for(lambda: len(who(server, "runs")) == 2, "it ran again")
        assert f"warning: `scheduler` (process {first}) was killed by SIGKILL" in server.log()


def test_one_that_fails_shows_its_traceback_and_is_tried_again_later(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:fail"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for_log("the next try is in")
        assert "`scheduler` (`jobs:fail`) failed with `LookupError`" in server.log()
        assert 'jobs.py", line 16, in fail' in server.log()
        assert "once_process.py" not in server.log()


def test_one_that_ends_with_0_has_finished(folder: Path) -> None:
    settings(folder, 'migrate = "jobs:finish"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for_log("has finished")
        assert len(who(server, "is done")) == 1


def test_one_that_ends_with_0_is_started_again_where_that_was_set(folder: Path) -> None:
    settings(folder, 'again = { run = "jobs:finish", restart = "always" }')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: len(who(server, "is done")) >= 2, "it ran twice")


def test_a_reload_ends_it_before_it_starts_anew_with_the_new_code(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"')
    (folder / ".env").write_text("WORD=one\n")
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: bool(who(server, "runs one")), "it ran")
        (folder / ".env").write_text("WORD=two\n")
        (folder / "jobs.py").write_text(JOBS.replace('"runs "', '"is newer and runs "'))
        server.send_signal(signal.SIGHUP)
        server.wait_for(lambda: bool(who(server, "is newer and runs two")), "it ran anew")
        log = server.log()
        assert log.index("was told") < log.index("is newer")


def test_a_reload_that_fails_does_not_touch_it(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: bool(who(server, "runs")), "it ran")
        (folder / "hello.py").write_text("1 / 0\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("the reload failed")
        assert is_alive(who(server, "runs")[0])
        assert "was told" not in server.log()


def test_a_restart_of_the_supervisor_ends_it_first_and_starts_it_anew(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: len(who(server, "runs")) == 1, "it ran")
        server.send_signal(signal.SIGUSR2)
        server.wait_for(lambda: len(who(server, "runs")) == 2, "it ran anew")
        log = server.log()
        assert log.index("ends") < log.rindex("runs `jobs:run` once")


def test_a_restart_whose_new_code_does_not_load_starts_it_too(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: len(who(server, "runs")) == 1, "it ran")
        (folder / "hello.py").write_text("1 / 0\n")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("the reload failed")
        server.wait_for(lambda: len(who(server, "runs")) == 2, "it ran anew")


def test_a_reload_ends_what_the_settings_do_not_name_any_more_and_starts_what_is_new(
    folder: Path,
) -> None:
    settings(folder, 'one = "jobs:run"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: bool(who(server, "runs")), "it ran")
        settings(folder, 'two = "jobs:finish"')
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("`two` (process")
        server.wait_for(lambda: not is_alive(who(server, "runs")[0]), "the other one had ended")


def test_an_app_that_does_not_boot_starts_none(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"')
    (folder / "hello.py").write_text("1 / 0\n")
    ended = run_uncork("serve", "hello:app", "--bind=127.0.0.1:0", directory=folder)
    assert ended.exit_code == 3
    assert "runs" not in ended.stdout


def test_one_that_does_not_end_is_killed(folder: Path) -> None:
    settings(folder, 'stubborn = "jobs:hang"', "graceful_timeout = 0")
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for(lambda: bool(who(server, "hangs")), "it ran")
        assert server.stop() == 0
        assert re.search(r"`stubborn` \(process \d+\) was killed: it did not end", server.log())


def test_none_outlives_a_supervisor_that_is_killed(folder: Path) -> None:
    settings(folder, 'scheduler = "jobs:run"\nbeat = "sleep 61"')
    with LiveServer("hello:app", directory=folder, exit_code=-9) as server:
        server.wait_for_log("`beat` (process")
        server.wait_for(lambda: bool(who(server, "runs")), "it ran")
        others = [os.pidfd_open(pid) for pid in server.worker_pids]
        os.kill(server.pid, signal.SIGKILL)
        assert len(others) == 3
        for other in others:
            assert select.select([other], [], [], 5.0)[0], "it had not ended"
            os.close(other)


def test_a_command_that_is_not_there_is_told(folder: Path) -> None:
    settings(folder, 'beat = "no-such-program --at-all"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for_log("error: could not run `no-such-program`")
        server.wait_for_log("`beat` (process")


def test_uncork_once_elects_no_such_process(folder: Path) -> None:
    (folder / "jobs.py").write_text(
        "import uncork\n"
        "uncork.once('a')(lambda: print('called', flush=True))\n"
        "def run():\n"
        "    print('elected' if uncork.once('a') else 'not elected', flush=True)\n"
    )
    settings(folder, 'scheduler = "jobs:run"')
    with LiveServer("hello:app", directory=folder) as server:
        server.wait_for_log("has finished")
        assert "not elected" in server.log()
        assert "called" not in server.log()


def test_the_flag_names_processes_too(folder: Path) -> None:
    arguments = ("hello:app", "--once=one=jobs:finish", "--once=two=true")
    with LiveServer(*arguments, directory=folder) as server:
        server.wait_for(lambda: server.log().count("has finished") == 2, "both had finished")


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("a = 3", "`a` runs nothing"),
        ("a = ''", "`a` runs nothing"),
        ("a = [1]", "the command of `a` is not made of texts"),
        ("'a b' = 'true'", "`a b` is no name"),
        ("a = { run = 'b:c', restart = 'never' }", "`restart` of `a` is neither of its words"),
        ("a = { runs = 'b:c' }", "`a` has no `runs`"),
        ('a = "it\'s"', "of `a`: no closing quotation"),
    ],
)
def test_what_can_t_be_read_is_an_error_with_its_place(folder: Path, line: str, cause: str) -> None:
    settings(folder, line)
    ended = run_uncork("serve", "hello:app", directory=folder)
    assert ended.exit_code == 2
    assert cause in ended.stderr
    assert "uncork.toml:2" in ended.stderr
