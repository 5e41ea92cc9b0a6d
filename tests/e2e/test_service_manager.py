"""Under a service manager: what it is told, and the listeners that it hands over."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer, run_uncork
from tests.support.service_manager import Manager, activated

pytestmark = pytest.mark.slow

APP = """\
import json, os

NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID")

def app(environ, start_response):
    facts = {
        "variables": [name for name in (*NAMES, "LISTEN_FDNAMES") if name in os.environ],
        "port": environ["SERVER_PORT"],
    }
    start_response("200 OK", [])
    return [json.dumps(facts).encode()]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


@pytest.fixture(params=["path", "abstract"])
def manager(folder: Path, request: pytest.FixtureRequest) -> Iterator[Manager]:
    address = str(folder / "notify") if request.param == "path" else f"@uncork-{os.getpid()}"
    with Manager(address) as manager:
        yield manager


def test_it_is_told_of_the_whole_life(folder: Path, manager: Manager) -> None:
    with LiveServer("hello:app", directory=folder, env=manager.env, workers=2) as server:
        assert manager.wait_for_line("STATUS=loading hello:app").pid == server.pid
        ready = manager.wait_for_line("READY=1")
        assert ready.pid == server.pid
        assert ready.values["MAINPID"] == str(server.pid)
        assert ready.values["STATUS"] == "serving hello:app with 2 workers, generation 1"
        before = time.monotonic_ns() // 1000
        server.send_signal(signal.SIGHUP)
        reloading = manager.wait_for_line("RELOADING=1")
        assert before <= int(reloading.values["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        ready = manager.wait_for_line("READY=1")
        assert ready.values["STATUS"] == "serving hello:app with 2 workers, generation 2"
        server.send_signal(signal.SIGTERM)
        manager.wait_for_line("STOPPING=1")
        assert server.wait() == 0


def test_readiness_is_told_when_the_server_serves_and_not_before(
    folder: Path, manager: Manager
) -> None:
    os.mkfifo(folder / "gate")
    (folder / "slow.py").write_text("open('gate').read()\nfrom hello import app\n")
    with LiveServer(
        "slow:app", directory=folder, env=manager.env, waits_until_ready=False
    ) as server:
        manager.wait_for_line("STATUS=loading slow:app")
        manager.hear()
        assert not any("READY=1" in told.lines for told in manager.told)
        (folder / "gate").write_text("open")
        manager.wait_for_line("READY=1")
        with server.client() as client:
            assert client.get().status == 200


def test_a_reload_that_fails_ends_with_ready_and_says_so(folder: Path, manager: Manager) -> None:
    with LiveServer("hello:app", directory=folder, env=manager.env) as server:
        manager.wait_for_line("READY=1")
        (folder / "hello.py").write_text("raise RuntimeError('not today')\n")
        server.send_signal(signal.SIGHUP)
        manager.wait_for_line("RELOADING=1")
        status = manager.wait_for_line("READY=1").values["STATUS"]
        assert status.startswith("the last reload failed (")
        assert status.endswith("serving hello:app with 1 worker, generation 1")


def test_settings_that_cannot_be_read_end_a_reload_too(folder: Path, manager: Manager) -> None:
    with LiveServer("hello:app", directory=folder, env=manager.env) as server:
        manager.wait_for_line("READY=1")
        (folder / "uncork.toml").write_text("threads = 'many'\n")
        server.send_signal(signal.SIGHUP)
        manager.wait_for_line("RELOADING=1")
        status = manager.wait_for_line("READY=1").values["STATUS"]
        assert "bad value `many` for `threads`" in status


def test_patience_is_asked_for_where_the_settings_give_more(folder: Path, manager: Manager) -> None:
    arguments = ("hello:app", "--boot-timeout=10m", "--drain-delay=1s", "--graceful-timeout=20m")
    with LiveServer(*arguments, directory=folder, env=manager.env) as server:

        def seconds() -> float:
            told = manager.wait_for(lambda told: "EXTEND" in told.lines[0], "EXTEND_TIMEOUT_USEC")
            return int(told.values["EXTEND_TIMEOUT_USEC"]) / 1e6

        assert 600 < seconds() < 660
        manager.wait_for_line("READY=1")
        server.send_signal(signal.SIGTERM)
        manager.wait_for_line("STOPPING=1")
        assert 1201 < seconds() < 1260


def test_the_watchdog_is_told_twice_in_its_time(folder: Path, manager: Manager) -> None:
    env = {**manager.env, "WATCHDOG_USEC": "400000"}
    with LiveServer("hello:app", directory=folder, env=env):
        started = time.monotonic()
        for _ in range(4):
            manager.wait_for_line("WATCHDOG=1")
        assert time.monotonic() - started < 2


def test_a_watchdog_that_is_another_process_s_is_not_told(folder: Path, manager: Manager) -> None:
    env = {**manager.env, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    with LiveServer("hello:app", directory=folder, env=env):
        manager.wait_for_line("READY=1")
        manager.hear()
        assert not any("WATCHDOG=1" in told.lines for told in manager.told)


def test_without_an_ear_at_the_address_serving_goes_on(folder: Path) -> None:
    env = {"NOTIFY_SOCKET": str(folder / "nobody")}
    with LiveServer("hello:app", directory=folder, env=env) as server:
        server.wait_for_log("warning: the service manager can't be told what happens: no such file")
        assert server.log().count("can't be told") == 1


def test_the_application_sees_nothing_of_it(folder: Path, manager: Manager) -> None:
    env = {**manager.env, "WATCHDOG_USEC": "30000000"}
    wrap = activated("web")
    with LiveServer("hello:app", directory=folder, env=env, sockets=0, wrap=wrap) as server:
        server.addresses = [("127.0.0.1", ports(folder)[0])]
        with server.client() as client:
            assert json.loads(client.get().body)["variables"] == []
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        with server.client() as client:
            assert json.loads(client.get().body)["variables"] == []


def ports(folder: Path) -> list[int]:
    return [int(port) for port in (folder / "ports").read_text().split()]


def answering_ports(server: LiveServer, folder: Path) -> list[int]:
    found = []
    for port in ports(folder):
        server.addresses = [("127.0.0.1", port)]
        with server.client() as client:
            found.append(int(json.loads(client.get().body)["port"]))
    return found


def test_without_an_address_all_listeners_that_were_handed_over_are_served(folder: Path) -> None:
    path = folder / "passed.sock"
    wrap = activated("web", f"local={path}", "web")
    with LiveServer("hello:app", directory=folder, sockets=0, wrap=wrap) as server:
        assert answering_ports(server, folder) == ports(folder)
        server.unix_paths = [path]
        with server.connect_unix():
            pass
        server.unix_paths = []  # it is the manager's to remove
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded")
        assert "does not change" not in server.log()
        assert answering_ports(server, folder) == ports(folder)
    assert path.exists()


def test_listeners_that_were_handed_over_are_found_by_name(folder: Path) -> None:
    arguments = ("hello:app", "--bind=fd://web")
    wrap = activated("admin", "web", "web")
    with LiveServer(*arguments, directory=folder, sockets=0, wrap=wrap) as server:
        first, *web = ports(folder)
        urls = {f"http://127.0.0.1:{port}" for port in web}
        assert set(server.announced_urls) == urls
        assert f":{first}" not in server.log()


def test_a_name_that_was_not_handed_over_is_told_with_those_that_were(folder: Path) -> None:
    arguments = ("hello:app", "--bind=fd://wbe")
    server = LiveServer(
        *arguments,
        directory=folder,
        sockets=0,
        wrap=activated("web"),
        waits_until_ready=False,
        exit_code=2,
    )
    with server:
        server.wait_for_log("cause: the service manager has handed over `web`")
        server.wait()


def test_an_address_that_was_given_comes_before_what_was_handed_over(folder: Path) -> None:
    binds = ["127.0.0.1:0"]
    with LiveServer(
        "hello:app", directory=folder, sockets=0, binds=binds, wrap=activated("web")
    ) as server:
        assert f":{ports(folder)[0]}" not in server.log()


def test_listeners_for_another_process_are_left_alone(folder: Path) -> None:
    env = {"LISTEN_FDS": "1", "LISTEN_PID": "1"}
    ended = run_uncork("serve", "--show-settings", directory=folder, env=env)
    assert "fd://3" not in ended.stdout


def test_a_number_that_is_none_is_told(folder: Path) -> None:
    ended = run_uncork("serve", "hello:app", directory=folder, env={"LISTEN_FDS": "some"})
    assert ended.exit_code == 2
    assert "error: bad value `some` for `LISTEN_FDS`" in ended.stderr
