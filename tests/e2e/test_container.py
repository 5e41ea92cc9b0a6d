"""In a container: as process 1, and where nothing can be written and nobody has a name."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer
from tests.support.roots import needs_root, open_to_all, unshared

pytestmark = pytest.mark.slow

APP = """\
import json, os, pathlib, sys, tempfile, time

def orphan():
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        grandchild = os.fork()
        if not grandchild:
            while os.getppid() != 1:
                time.sleep(0.01)
            os._exit(0)
        os.write(writer, str(grandchild).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reader, 20))

def app(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/orphan":
        facts = orphan()
    elif path == "/is-there":
        facts = os.path.exists(f"/proc/{query}")
    elif path == "/wait":
        print("got /wait", flush=True)
        open("gate").read()
        facts = "waited"
    else:
        body = environ["wsgi.input"].read()
        facts = {
            "pid": os.getppid(),
            "uid": os.getuid(),
            "home": os.environ.get("HOME"),
            "body": len(body),
            "writable": [place for place in (".", "/tmp", "/dev/shm", "/var/tmp", "/run")
                         if os.access(place, os.W_OK)],
        }
    start_response("200 OK", [])
    return [json.dumps(facts).encode()]
"""

# Everything is read-only then, whatever user one is.
_READ_ONLY = """
for place in / $(cut -d" " -f5 /proc/self/mountinfo); do
    case $place in /proc*|/sys*|/dev|/dev/pts*) continue ;; esac
    mount -o remount,bind,ro "$place" 2>/dev/null || true
done
mount -t tmpfs -o mode=000 tmpfs /dev/shm
exec "$@"
"""
_ANYBODY = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--no-new-privs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    needs_root()
    (tmp_path / "hello.py").write_text(APP)
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def as_process_1(command: Sequence[str]) -> list[str]:
    flags = ("--pid", "--fork", "--mount", "--mount-proc", "--kill-child")
    return [*unshared(*flags), *command]


@pytest.fixture
def bare(folder: Path) -> Callable[[Sequence[str]], list[str]]:
    def wrap(command: Sequence[str]) -> list[str]:
        anybody = [*_ANYBODY, "env", "-u", "HOME", "-u", "TMPDIR", *command]
        return partial(open_to_all, folder=folder)(["sh", "-euc", _READ_ONLY, "sh", *anybody])

    return wrap


def ask(server: LiveServer, target: str) -> object:
    with server.client() as client:
        return json.loads(client.get(target).body)


def process_1(server: LiveServer) -> int:
    """Its number outside of the container."""
    (pid,) = server.worker_pids  # the children of `unshare`
    return pid


def test_orphans_are_reaped(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, wrap=as_process_1) as server:
        assert ask(server, "/")["pid"] == 1  # type: ignore[index]
        orphans = [ask(server, "/orphan") for _ in range(5)]
        server.wait_for(
            lambda: not any(ask(server, f"/is-there?{orphan}") for orphan in orphans),
            "the orphans were reaped",
        )
        os.kill(process_1(server), signal.SIGTERM)
        assert server.wait() == 0
        assert "was killed" not in server.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_process_1_stops_as_asked(folder: Path, number: signal.Signals) -> None:
    with LiveServer("hello:app", directory=folder, wrap=as_process_1, workers=2) as server:
        os.kill(process_1(server), number)
        assert server.wait() == 0


def test_process_1_finishes_what_runs(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, wrap=as_process_1) as server:
        with server.client() as running:
            running.send(b"GET /wait HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for_log("got /wait")
            os.kill(process_1(server), signal.SIGTERM)
            server.wait_for_log("stopping")
            (folder / "gate").write_text("open")
            assert running.read_response().status == 200
        assert server.wait() == 0


def test_process_1_reloads_and_restarts(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, wrap=as_process_1) as server:
        os.kill(process_1(server), signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2")
        os.kill(process_1(server), signal.SIGUSR2)
        server.wait_for_log("reloaded: generation 3")
        assert ask(server, "/")["pid"] == 1  # type: ignore[index]
        os.kill(process_1(server), signal.SIGTERM)
        assert server.wait() == 0


def test_it_serves_where_nothing_can_be_written_to_anybody(
    folder: Path, bare: Callable[[Sequence[str]], list[str]]
) -> None:
    with LiveServer("hello:app", directory=folder, wrap=bare) as server:
        facts = ask(server, "/")
        assert isinstance(facts, dict)
        assert (facts["uid"], facts["home"], facts["writable"]) == (54321, None, [])
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("reloaded: generation 3")
        assert "warning" not in server.log()


def test_a_large_body_without_a_place_for_it_is_refused_and_the_log_says_why(
    folder: Path, bare: Callable[[Sequence[str]], list[str]]
) -> None:
    arguments = ("hello:app", "--body-buffer=64KiB")
    with LiveServer(*arguments, directory=folder, wrap=bare) as server:
        with server.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 30000\r\n\r\n")
            client.send(bytes(30000))
            assert json.loads(client.read_response().body)["body"] == 30000
        with server.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 300000\r\n\r\n")
            client.send(bytes(300000))
            assert client.read_response().status == 507
        server.wait_for_log(
            "warning: a request was refused: its body did not fit into `body_buffer`, and can't "
            "be kept in `/tmp`: Read-only file system"
        )
