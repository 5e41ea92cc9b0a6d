"""Started as root, serving as somebody else, and never root again."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.admin_client import ADMIN, AdminClient
from tests.support.certificates import make_certificate
from tests.support.live_server import Finished, LiveServer, run_uncork
from tests.support.roots import needs_root, open_to_all

pytestmark = pytest.mark.slow

USER = "nobody"
# At import, for nothing of the app's may run as root.
APP = """\
import json, os

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return [int(word, 16) for line in lines if line.startswith(name) for word in line.split()[1:]]

def can(way):
    try:
        way()
    except PermissionError:
        return False
    return True

facts = {
    "ids": [*os.getresuid(), *os.getresgid()],
    "groups": os.getgroups(),
    "capabilities": [*status("CapEff"), *status("CapPrm"), *status("CapAmb")],
    "back": [
        can(lambda: os.setuid(0)), can(lambda: os.setgid(0)), can(lambda: os.setgroups([0])),
        can(lambda: os.setresuid(0, 0, 0)), can(lambda: os.chroot("/")),
    ],
    "names": [os.environ.get(name) for name in ("HOME", "USER", "LOGNAME")],
}

def app(environ, start_response):
    body = json.dumps(facts).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    needs_root()
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


@pytest.fixture
def opened(folder: Path) -> Callable[[Sequence[str]], list[str]]:
    return partial(open_to_all, folder=folder)


NOWHERE = {"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": ""}


def status(server: LiveServer, env: Mapping[str, str], *, as_nobody: bool) -> Finished:
    return run_uncork(
        "status", str(server.pid), directory=server.directory, env=env, as_nobody=as_nobody
    )


def facts(server: LiveServer) -> dict[str, Any]:
    with server.client() as client:
        found = json.loads(client.get("/").body)
        assert isinstance(found, dict)
        return found


def test_the_app_is_loaded_as_the_user_and_can_never_be_root_again(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    entry = pwd.getpwnam(USER)
    with LiveServer("hello:app", f"--user={USER}", directory=folder, wrap=opened) as server:
        assert facts(server) == {
            "ids": [entry.pw_uid] * 3 + [entry.pw_gid] * 3,
            "groups": [entry.pw_gid],
            "capabilities": [0, 0, 0],
            "back": [False] * 5,
            "names": [entry.pw_dir, USER, USER],
        }
        assert "as root" not in server.log()


def test_a_number_without_a_name_is_a_user_too(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    arguments = ("hello:app", "--user=54321", "--group=54322")
    with LiveServer(*arguments, directory=folder, wrap=opened) as server:
        found = facts(server)
        assert found["ids"] == [54321] * 3 + [54322] * 3
        assert found["groups"] == [54322]
        assert found["names"] == ["/", None, None]


def test_the_user_s_other_groups_come_along(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    (folder / "group").write_text(f"root:x:0:\nstaff:x:50:{USER}\nnogroup:x:65534:\n")
    bound = f'mount --bind {folder}/group /etc/group && exec "$@"'

    def wrap(command: Sequence[str]) -> list[str]:
        return ["unshare", "--mount", *opened(["sh", "-c", bound, "sh", *command])]

    with LiveServer("hello:app", f"--user={USER}", directory=folder, wrap=wrap) as server:
        assert sorted(facts(server)["groups"]) == [50, 65534]


def test_a_port_below_1024_is_bound_before_and_a_new_worker_is_no_root_either(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    port = free_port_below_1024()
    arguments = ("hello:app", f"--user={USER}", f"--bind=127.0.0.1:{port}")
    with LiveServer(*arguments, directory=folder, sockets=0, wrap=opened) as server:
        server.addresses = [("127.0.0.1", port)]
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        server.wait_for(lambda: len(server.worker_pids) == 1, "the old worker had ended")
        os.kill(server.worker_pid, signal.SIGKILL)
        assert set(facts(server)["ids"]) == {pwd.getpwnam(USER).pw_uid}


def free_port_below_1024() -> int:
    for port in range(1023, 600, -1):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("every port is taken")


def test_a_key_that_only_root_may_read_is_read_at_a_reload_too(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    made = make_certificate(folder)
    made.key.chmod(0o600)
    arguments = ("hello:app", f"--user={USER}", f"--cert={made.certificate}", f"--key={made.key}")
    with LiveServer(*arguments, directory=folder, is_tls=True, wrap=opened) as server:
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")


def script(folder: Path, run_call: str) -> None:
    (folder / "script.py").write_text(
        "import flask\n"
        "app = flask.Flask(__name__)\n"
        "print('script', flush=True)\n"
        "if __name__ == '__main__':\n"
        f"    app.run({run_call})\n"
    )


def test_a_script_has_no_port_opened_for_it_that_it_could_not(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    port = free_port_below_1024()
    script(folder, f"'127.0.0.1', {port}")
    arguments = ("script.py", "--as=script", f"--user={USER}")
    server = LiveServer(
        *arguments, directory=folder, sockets=0, wrap=opened, exit_code=4, waits_until_ready=False
    )
    with server:
        server.wait_for_log(f"could not listen on `127.0.0.1:{port}`")
        server.wait()


def test_a_script_has_no_key_read_for_it_that_it_could_not(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    made = make_certificate(folder)
    made.key.chmod(0o600)
    script(folder, f"ssl_context=({str(made.certificate)!r}, {str(made.key)!r})")
    arguments = ("script.py", "--as=script", f"--user={USER}")
    server = LiveServer(
        *arguments, directory=folder, wrap=opened, exit_code=4, waits_until_ready=False
    )
    with server:
        server.wait_for_log(f"error: could not read the key `{made.key}`\ncause: permission denied")
        server.wait()


def test_no_process_but_the_supervisor_is_root(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    arguments = ("hello:app", f"--user={USER}", "--admin=127.0.0.1:0")
    with LiveServer(*arguments, directory=folder, wrap=opened, workers=2) as server:
        server.wait_for(lambda: len(server.worker_pids) == 3, "all processes were started")

        def users() -> set[str]:
            found = set()
            for pid in server.worker_pids:
                status = Path(f"/proc/{pid}/status").read_text()
                found.update(status.partition("\nUid:")[2].partition("\n")[0].split())
            return found

        uid = str(pwd.getpwnam(USER).pw_uid)
        server.wait_for(lambda: users() == {uid}, "all had given root up")


@pytest.mark.timeout(30)
def test_the_template_is_the_user_s_and_so_is_each_worker_that_it_forks(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    arguments = ("hello:app", f"--user={USER}", "--preload=on")
    uid = pwd.getpwnam(USER).pw_uid
    with LiveServer(*arguments, directory=folder, wrap=opened, workers=2) as server:
        server.wait_for(lambda: len(server.worker_pids) == 2, "two workers were started")
        (template,) = server.template_pids
        before = server.worker_pids
        os.kill(before[0], signal.SIGKILL)
        server.wait_for(lambda: is_replaced(server, before), "another one was forked")
        assert server.template_pids == [template]
        for pid in (template, *server.worker_pids):
            assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in Path(f"/proc/{pid}/status").read_text()
        found = facts(server)
        assert set(found["ids"][:3]) == {uid}
        assert (found["capabilities"], found["back"]) == ([0, 0, 0], [False] * 5)


def is_replaced(server: LiveServer, before: Sequence[int]) -> bool:
    """Whether the first of these workers has gone, and there are as many as before."""
    pids = server.worker_pids
    return before[0] not in pids and len(pids) == len(before)


def test_a_unix_socket_belongs_to_the_user(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    path = folder / "hello.sock"
    arguments = ("hello:app", f"--user={USER}")
    with LiveServer(*arguments, directory=folder, binds=[f"unix:{path}"], wrap=opened):
        assert path.stat().st_uid == pwd.getpwnam(USER).pw_uid


@pytest.mark.timeout(30)
@pytest.mark.parametrize("where", ["", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"])
def test_the_user_may_ask_the_server_as_root_may(
    folder: Path, opened: Callable[[Sequence[str]], list[str]], where: str
) -> None:
    arguments = ("hello:app", f"--user={USER}")
    with TemporaryDirectory(prefix="run-") as runtime:
        Path(runtime).chmod(0o755)
        env = {**NOWHERE, where: runtime} if where else NOWHERE
        with LiveServer(*arguments, directory=folder, env=env, wrap=opened) as server:
            for as_nobody in (True, False):
                asked = status(server, env, as_nobody=as_nobody)
                assert f"process {server.pid} serves" in asked.stdout, asked.stderr


def test_no_third_user_may(folder: Path, opened: Callable[[Sequence[str]], list[str]]) -> None:
    arguments = ("hello:app", "--user=1")
    with LiveServer(*arguments, directory=folder, env=NOWHERE, wrap=opened) as server:
        asked = status(server, NOWHERE, as_nobody=True)
        assert asked.exit_code == 4
        assert "of another user" in asked.stderr


@pytest.mark.timeout(60)
def test_health_and_metrics_come_from_a_process_of_the_user_s(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    arguments = ("hello:app", f"--user={USER}", ADMIN)
    with LiveServer(*arguments, directory=folder, wrap=opened) as server:
        admin = AdminClient(server)
        for generation in (2, 3):
            ids = Path(f"/proc/{admin.admin_pid()}/status").read_text()
            wanted = pwd.getpwnam(USER).pw_uid
            assert f"Uid:\t{wanted}\t{wanted}\t{wanted}\t{wanted}" in ids
            assert "CapEff:\t0000000000000000" in ids
            assert admin.is_up("/readyz")
            server.send_signal(signal.SIGUSR2)
            server.wait_for_log(f"reloaded: generation {generation} serves")


def test_a_user_without_access_to_the_folder_is_told(
    folder: Path, opened: Callable[[Sequence[str]], list[str]]
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "hello.py").write_text(APP)
    server = LiveServer(
        "hello:app",
        f"--user={USER}",
        directory=closed,
        wrap=opened,
        exit_code=4,
        waits_until_ready=False,
    )
    with server:
        server.wait_for_log(f"the user `{USER}` can't read the working directory: `{closed}`")
        server.wait()


def test_serving_as_root_is_warned_of_once(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        server.wait_for(lambda: len(server.worker_pids) == 2, "two workers were started")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        assert server.log().count("warning: the app is served as root") == 1
    with LiveServer("hello:app", "--user=root", directory=folder) as server:
        assert "warning" not in server.log()


@pytest.mark.parametrize(
    ("flags", "exit_code", "told"),
    [
        (["--user=no-one-at-all"], 2, "error: there is no user `no-one-at-all` on this machine"),
        (["--user=nobody", "--group=none-such"], 2, "error: there is no group `none-such` on"),
        (["--group=nogroup"], 2, "error: there is a group `nogroup` to run as, and no user"),
        (["--user=54321"], 2, "error: there is no user with the number 54321 on this machine"),
        (["--user=99999999999"], 2, "error: no user and no group has the number 99999999999"),
        (["--user="], 2, "error: bad value `` for `--user`"),
    ],
)
def test_who_cannot_be_is_told_before_anything_is_bound(
    folder: Path, flags: list[str], exit_code: int, told: str
) -> None:
    ended = run_uncork("serve", "hello:app", "--bind=127.0.0.1:0", *flags, directory=folder)
    assert ended.exit_code == exit_code
    assert told in ended.stderr


def test_only_root_can_become_somebody_else(folder: Path) -> None:
    arguments = ("serve", "hello:app", "--bind=127.0.0.1:0", "--user=root")
    ended = run_uncork(*arguments, directory=folder, as_nobody=True)
    assert ended.exit_code == 4
    assert "error: could not become another user: only root can" in ended.stderr


def test_root_without_the_right_to_change_is_told(folder: Path) -> None:
    def wrap(command: Sequence[str]) -> list[str]:
        return ["setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid", *command]

    server = LiveServer(
        "hello:app",
        f"--user={USER}",
        directory=folder,
        wrap=wrap,
        exit_code=4,
        waits_until_ready=False,
    )
    with server:
        server.wait_for_log("cause: it lacks `CAP_SETUID` (capabilities(7))")
        server.wait()


def test_whoever_is_that_user_already_may_say_so(folder: Path) -> None:
    arguments = ("hello:app", f"--user={USER}")
    with LiveServer(*arguments, directory=folder, as_nobody=True) as server:
        assert facts(server)["ids"][0] == pwd.getpwnam(USER).pw_uid


@pytest.mark.parametrize("run", ["jobs:run", f"{sys.executable} -m jobs"], ids=["code", "command"])
def test_a_process_that_runs_once_beside_the_workers_is_not_root_either(
    folder: Path, opened: Callable[[Sequence[str]], list[str]], run: str
) -> None:
    (folder / "jobs.py").write_text(
        "import os\n"
        "def run():\n"
        "    print('runs as', *os.getresuid(), flush=True)\n"
        "if __name__ == '__main__':\n"
        "    run()\n"
    )
    arguments = ("hello:app", f"--user={USER}", f"--once=job={run}")
    with LiveServer(*arguments, directory=folder, wrap=opened) as server:
        server.wait_for_log("has finished")
        uid = pwd.getpwnam(USER).pw_uid
        assert f"runs as {uid} {uid} {uid}" in server.log()
