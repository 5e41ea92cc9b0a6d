"""Reloads a server under load, now and then with something broken: no client may notice.

After it, the supervisor has the memory and the descriptors that it had before.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.support.live_server import LiveServer
from tests.support.steady_clients import steady_clients

_APP = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"{number:05}"]
"""
_SETTINGS = 'boot_timeout = "{seconds}s"\nhealth_timeout = "10s"\n{more}'
_HANGING_SECONDS, _BOOT_SECONDS = 1, 30
_CLIENTS = 4
_MAY_GROW_BYTES = 2 * 1024 * 1024
FAILED = "the reload failed, and nothing has changed"


@dataclass(frozen=True)
class Broken:
    """What is wrong with the new code or settings, and what the log says of it."""

    code: str = ""
    settings: str = ""
    told: str = ""
    boot_seconds: int = _BOOT_SECONDS


BROKEN = (
    Broken("app = (\n", told="SyntaxError"),
    Broken("import there_is_no_such_module\n", told="ModuleNotFoundError"),
    Broken(
        "import time\ntime.sleep(60)\n",
        told="the app was not loaded within 1 s",
        boot_seconds=_HANGING_SECONDS,
    ),
    Broken("def app(environ, start_response):\n    1 / 0\n", told="ZeroDivisionError"),
    Broken(settings="threads = 'many'\n", told="bad value `many` for `threads`"),
)


def reload_often(folder: Path, reloads: int, broken: int) -> str:
    """What came of it, in a sentence.

    Args:
        folder: To work in.
        reloads: How many, the broken ones included.
        broken: How many of them are, of each kind in turn.

    Raises:
        AssertionError: A client has noticed, or the supervisor has grown.
    """
    _write(folder, _APP.format(number=0))
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        with steady_clients(server, _CLIENTS) as clients:
            # Everything is used for the first time; from there on nothing may grow.
            _reload_well(server, folder, 1)
            for each in BROKEN:
                _reload_in_vain(server, folder, each)
            before = _descriptors(server), _memory(server)
            good = 1
            for number in range(reloads):
                # Spread evenly: the last one of each stretch is broken.
                is_broken = (number + 1) * broken // reloads > number * broken // reloads
                if is_broken:
                    _reload_in_vain(server, folder, BROKEN[number * broken // reloads % 5])
                else:
                    good += 1
                    _reload_well(server, folder, good)
            _wait_until_two_serve(server)
            after = _descriptors(server), _memory(server)
        assert clients.failures == []
        assert clients.statuses == {200}
        assert len(clients.bodies) == good + 1
        assert after[0] == before[0], server.log()
        assert after[1] - before[1] < _MAY_GROW_BYTES
    return (
        f"{reloads} reloads, {broken} of them broken: {clients.answered:,} requests answered, none "
        f"lost; the supervisor has {after[0]} descriptors as before, and "
        f"{(after[1] - before[1]) / 1024:+.0f} KiB of memory"
    )


def _reload_well(server: LiveServer, folder: Path, number: int) -> None:
    # Before: the one reload must not find the workers of the other.
    _wait_until_two_serve(server)
    seen = server.log().count("reloaded: generation")
    _write(folder, _APP.format(number=number))
    server.send_signal(signal.SIGHUP)
    server.wait_for(
        lambda: server.log().count("reloaded: generation") > seen, f"reload {number} was done"
    )
    body = f"{number:05}".encode()
    server.wait_for(lambda: _body(server) == body, "the new code answered")


def _reload_in_vain(server: LiveServer, folder: Path, broken: Broken) -> None:
    failed, told = server.log().count(FAILED), server.log().count(broken.told)
    good = (folder / "hello.py").read_text()
    _write(folder, broken.code or good, broken.settings, broken.boot_seconds)
    server.send_signal(signal.SIGHUP)
    server.wait_for(lambda: server.log().count(FAILED) > failed, "the reload failed")
    assert server.log().count(broken.told) > told, server.log()
    _write(folder, good)


def _write(folder: Path, code: str, more: str = "", boot_seconds: int = _BOOT_SECONDS) -> None:
    (folder / "hello.py").write_text(code)
    settings = _SETTINGS.format(seconds=boot_seconds, more=more)
    (folder / "uncork.toml").write_text(settings)


def _body(server: LiveServer) -> bytes:
    with server.client() as client:
        return client.get("/").body


def _wait_until_two_serve(server: LiveServer) -> None:
    server.wait_for(lambda: len(server.worker_pids) == 2, "the other workers had ended")


def _descriptors(server: LiveServer) -> int:
    """Of the supervisor, when nothing is under way."""
    _wait_until_two_serve(server)
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def _memory(server: LiveServer) -> int:
    pages = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
