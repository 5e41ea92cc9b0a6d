"""The part that runs under a real systemd: starts units, and looks at what systemd makes of them.

Run by `uncork-check.service` in the container that `tests.systemd.run` boots. Each function is one
fact; what became of each is written to `/result.json`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable
from pathlib import Path

UNITS = Path("/etc/systemd/system")
FOLDER = Path("/srv/hello")
SERVE = "/usr/bin/python3 -m uncork serve hello:app"
HTTPS = "https://127.0.0.1/"
COMMON = f"""\
Environment=PYTHONPATH=/repo/python PYTHONDONTWRITEBYTECODE=1
WorkingDirectory={FOLDER}
"""
FACTS: list[Callable[[], None]] = []


def fact(function: Callable[[], None]) -> Callable[[], None]:
    FACTS.append(function)
    return function


def code(version: str) -> str:
    return f"""\
import os
def app(environ, start_response):
    start_response("200 OK", [])
    return [f"{version} {{os.getuid()}} {{sorted(os.environ)}}".encode()]
"""


def write_service(*lines: str, name: str = "hello") -> None:
    text = "[Service]\n" + COMMON + "\n".join(lines) + "\n"
    (UNITS / f"{name}.service").write_text(text)
    run("systemctl", "daemon-reload")


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode:
        journal = subprocess.run(
            ["journalctl", "-n", "60", "--no-pager"], capture_output=True, text=True, check=False
        )
        raise AssertionError(f"{command}: {done.returncode}\n{done.stderr}\n{journal.stdout}")
    return done.stdout.strip()


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "--value", "-p", name, unit)


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        body = answer.read().decode()
        assert isinstance(body, str)
        return body


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def expect(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


@fact
def it_is_started_when_it_serves_on_port_80_as_another_user() -> None:
    write_service("Type=notify", f"ExecStart={SERVE} --bind 127.0.0.1:80 --user www-data")
    run("systemctl", "start", "hello")
    version, uid, variables = get(80).split(" ", 2)
    expect((version, uid), ("one", "33"))
    assert "NOTIFY_SOCKET" not in variables
    assert "INVOCATION_ID" in variables
    text = show("hello", "StatusText")
    assert text.startswith("serving hello:app with "), text


@fact
def a_reload_takes_up_new_code() -> None:
    write_service(
        "Type=notify",
        f"ExecStart={SERVE} --bind 127.0.0.1:80 --user www-data",
        "ExecReload=/usr/bin/python3 -m uncork reload $MAINPID",
    )
    (FOLDER / "hello.py").write_text(code("two"))
    run("systemctl", "reload", "hello")
    wait_for(lambda: get(80).startswith("two "), "the new code answered")
    wait_for(lambda: "generation 2" in show("hello", "StatusText"), "the status said so")
    expect(show("hello", "ActiveState"), "active")


@fact
def a_reload_that_fails_leaves_the_service_active_and_says_so() -> None:
    (FOLDER / "hello.py").write_text("raise RuntimeError('not today')\n")
    run("systemctl", "reload", "hello", check=False)
    wait_for(lambda: "reload failed" in show("hello", "StatusText"), "the status said so")
    wait_for(lambda: show("hello", "ActiveState") == "active", "it was active")
    assert get(80).startswith("two ")
    (FOLDER / "hello.py").write_text(code("three"))


@fact
def a_restart_in_place_keeps_the_main_process() -> None:
    pid = show("hello", "MainPID")
    run("kill", "-USR2", pid)
    wait_for(lambda: get(80).startswith("three "), "the new code answered")
    wait_for(lambda: "generation 4" in show("hello", "StatusText"), "the status said so")
    expect((show("hello", "MainPID"), show("hello", "ActiveState")), (pid, "active"))


@fact
def it_stops_as_asked_and_nothing_is_left() -> None:
    run("systemctl", "stop", "hello")
    expect(show("hello", "ActiveState"), "inactive")
    expect(show("hello", "Result"), "success")
    expect(show("hello", "ExecMainStatus"), "0")
    expect(run("pgrep", "-f", "uncork serve", check=False), "")


@fact
def a_wrong_setting_is_not_tried_again() -> None:
    write_service(
        "Type=notify",
        f"ExecStart={SERVE} --threads none",
        "Restart=always",
        "RestartPreventExitStatus=2",
    )
    run("systemctl", "start", "hello", check=False)
    expect(show("hello", "ActiveState"), "failed")
    expect(show("hello", "ExecMainStatus"), "2")
    expect(show("hello", "NRestarts"), "0")
    run("systemctl", "reset-failed", "hello")


@fact
def a_supervisor_that_hangs_is_killed_by_the_watchdog_and_started_again() -> None:
    write_service(
        "Type=notify",
        f"ExecStart={SERVE} --bind 127.0.0.1:8000",
        "WatchdogSec=2",
        "Restart=on-failure",
        "RestartSec=100ms",
        "User=www-data",
    )
    run("systemctl", "start", "hello")
    pid = show("hello", "MainPID")
    time.sleep(5)  # longer than a watchdog that is not told would wait
    expect((show("hello", "MainPID"), show("hello", "NRestarts")), (pid, "0"))
    run("kill", "-STOP", pid)
    wait_for(lambda: show("hello", "NRestarts") == "1", "it was started again")
    wait_for(lambda: show("hello", "ActiveState") == "active", "it was active")
    assert get(8000).startswith("three ")
    run("systemctl", "stop", "hello")


@fact
def patience_is_asked_for_where_the_app_takes_longer_to_load() -> None:
    (FOLDER / "hello.py").write_text("import time\ntime.sleep(4)\n" + code("slow"))
    write_service(
        "Type=notify",
        f"ExecStart={SERVE} --bind 127.0.0.1:8000 --boot-timeout 20s",
        "TimeoutStartSec=2",
    )
    run("systemctl", "start", "hello")
    assert get(8000).startswith("slow ")
    run("systemctl", "stop", "hello")
    (FOLDER / "hello.py").write_text(code("three"))


@fact
def a_socket_of_systemds_is_served_without_an_address_and_refuses_nobody() -> None:
    (UNITS / "hello.socket").write_text(
        "[Socket]\nListenStream=127.0.0.1:8000\nListenStream=/run/hello.sock\nBacklog=2048\n"
    )
    write_service("Type=notify", "User=www-data", f"ExecStart={SERVE} --graceful-timeout 5s")
    run("systemctl", "start", "hello.socket")
    assert get(8000).startswith("three 33 ")  # the first connection starts it
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/run/hello.sock")
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    failures: list[Exception] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                get(8000)
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    run("systemctl", "restart", "hello")
    run("kill", "-USR2", show("hello", "MainPID"))
    wait_for(lambda: "generation 2" in show("hello", "StatusText"), "it was restarted in place")
    run("systemctl", "restart", "hello")
    is_over.set()
    thread.join()
    expect(failures, [])
    assert Path("/run/hello.sock").exists()
    run("systemctl", "stop", "hello", "hello.socket")


@fact
def a_listener_is_found_by_its_name() -> None:
    (UNITS / "hello.socket").write_text(
        "[Socket]\nListenStream=127.0.0.1:8000\nFileDescriptorName=web\n"
    )
    write_service("Type=notify", "DynamicUser=yes", f"ExecStart={SERVE} --bind fd://web")
    run("systemctl", "start", "hello.socket")
    run("systemctl", "start", "hello")
    assert get(8000).startswith("three ")
    run("systemctl", "stop", "hello", "hello.socket")
    (UNITS / "hello.socket").unlink()


@fact
def it_serves_where_nothing_can_be_written_and_nothing_is_allowed() -> None:
    guide = Path("/repo/docs/guides/systemd.md").read_text()
    block = guide.partition("## A sandbox")[2].partition("```ini\n[Service]\n")[2]
    sandbox = block.partition("```")[0].splitlines()
    assert "NoNewPrivileges=yes" in sandbox
    write_service(
        "Type=notify",
        "DynamicUser=yes",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "UnsetEnvironment=HOME",
        *sandbox,
        f"ExecStart={SERVE} --bind 127.0.0.1:443 --cert adhoc",
    )
    run("systemctl", "start", "hello")
    assert "is well" in run("/usr/bin/python3", "-m", "uncork", "health", "--url", HTTPS)
    run("kill", "-HUP", show("hello", "MainPID"))
    wait_for(lambda: "generation 2" in show("hello", "StatusText"), "it was reloaded")
    run("systemctl", "kill", "--kill-whom=main", "--signal=USR2", "hello")
    wait_for(lambda: "generation 3" in show("hello", "StatusText"), "it was restarted")
    assert "is well" in run("/usr/bin/python3", "-m", "uncork", "health", "--url", HTTPS)
    run("systemctl", "stop", "hello")
    expect(show("hello", "Result"), "success")


def main() -> int:
    os.environ["PYTHONPATH"] = "/repo/python"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "hello.py").write_text(code("one"))
    result = {}
    for each in FACTS:
        try:
            each()
            result[each.__name__] = "ok"
        except Exception:
            result[each.__name__] = traceback.format_exc()
            run("systemctl", "stop", "hello", "hello.socket", check=False)
            (FOLDER / "hello.py").write_text(code("three"))
        Path("/result.json").write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
