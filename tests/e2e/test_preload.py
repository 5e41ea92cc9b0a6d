"""The template: the app is loaded once, and workers are forked from it."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer, run_uncork

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a subreaper"),
]

APP = """\
import atexit, os, random

os.write(1, f"loaded in {os.getpid()}\\n".encode())
atexit.register(lambda: os.write(1, f"last words of {os.getpid()}\\n".encode()))
VERSION = "old"

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/exit":
        os._exit(7)
    answers = {"/version": VERSION, "/random": str(random.random())}
    body = answers.get(path, str(os.getpid())).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
WHY_NOT = "each worker imports the app by itself: "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def get(server: LiveServer, path: str = "/") -> str:
    with server.client() as client:
        return client.get(path).body.decode()


def workers(server: LiveServer, number: int = 2) -> set[int]:
    """The workers that answer, once there are so many."""
    found: set[int] = set()

    def are_there() -> bool:
        found.add(int(get(server)))
        found.intersection_update(server.worker_pids)
        return len(found) == number

    server.wait_for(are_there, f"{number} workers answered")
    return found


def loadings(server: LiveServer) -> list[int]:
    return [int(pid) for pid in re.findall(r"loaded in (\d+)", server.log())]


def template(server: LiveServer) -> int:
    # A new worker has the template's name for a moment.
    server.wait_for(lambda: len(server.template_pids) == 1, "there was one template")
    (pid,) = server.template_pids
    return pid


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_the_app_is_loaded_once_and_the_workers_are_the_supervisor_s_own(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=3) as server:
        pids = workers(server, 3)
        assert loadings(server) == [template(server)]
        assert template(server) not in pids
        assert WHY_NOT not in server.log()


def test_each_process_says_what_it_is(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        pids = sorted(workers(server))
        titles = [
            Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0")
            for pid in (server.pid, template(server), *pids)
        ]
        assert titles == [
            "uncork: supervisor hello:app",
            "uncork: template hello:app (generation 1)",
            "uncork: worker 1 hello:app (generation 1)",
            "uncork: worker 2 hello:app (generation 1)",
        ]


def test_the_exit_functions_run_in_each_worker_and_not_in_the_template(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        pids = workers(server)
        assert server.stop() == 0
        last_words = [int(pid) for pid in re.findall(r"last words of (\d+)", server.log())]
        assert sorted(last_words) == sorted(pids)


def test_a_worker_is_replaced_with_the_code_that_was_loaded(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        victim = min(workers(server))
        (folder / "hello.py").write_text("app = (\n")
        os.kill(victim, signal.SIGKILL)
        server.wait_for_log(f"worker 1 (process {victim}) was killed by SIGKILL")
        assert workers(server) - {victim}
        assert get(server, "/version") == "old"
        assert len(loadings(server)) == 1


def test_how_a_worker_ended_by_itself_is_told(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        workers(server)
        with server.client() as client:
            client.send(b"GET /exit HTTP/1.1\r\nHost: test\r\n\r\n")
            server.wait_for_log("ended with exit code 7; another one takes its place")
        workers(server)


def test_workers_draw_different_random_numbers(folder: Path) -> None:
    with LiveServer("hello:app", "--preload=on", directory=folder, workers=1) as server:
        first = get(server, "/random")
        os.kill(server.worker_pid, signal.SIGKILL)
        assert get(server, "/random") != first


@pytest.mark.parametrize(("preload", "templates"), [("auto", 0), ("on", 1)])
def test_a_single_worker_has_a_template_only_if_that_is_asked_for(
    folder: Path, preload: str, templates: int
) -> None:
    with LiveServer("hello:app", f"--preload={preload}", directory=folder) as server:
        assert int(get(server)) == server.worker_pid
        assert len(server.template_pids) == templates
        assert len(loadings(server)) == 1


def test_without_preloading_each_worker_loads_the_app(folder: Path) -> None:
    with LiveServer("hello:app", "--preload=off", directory=folder, workers=2) as server:
        assert workers(server) == set(loadings(server))
        assert server.template_pids == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "from threading import Event, Thread\n"
            "Thread(target=Event().wait, name='scheduler', daemon=True).start()",
            "the app started thread `scheduler`",
        ),
        (
            "import socket\n"
            "listener = socket.create_server(('127.0.0.1', 0))\n"
            "connection = socket.create_connection(listener.getsockname())",
            "the app has a connection to `127.0.0.1:",
        ),
        (
            "import uncork\nis_elected = bool(uncork.once('scheduler'))",
            "the app asked `uncork.once` while it was loaded",
        ),
    ],
)
def test_an_app_that_would_not_outlive_a_fork_is_loaded_by_each_worker_and_the_log_says_why(
    folder: Path, code: str, reason: str
) -> None:
    (folder / "hello.py").write_text(f"{APP}\n{code}\n")
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        assert len(workers(server)) == 2
        assert sorted(loadings(server)) == sorted(server.worker_pids)
        assert server.log().count(f"note: {WHY_NOT}{reason}") == 1
        assert server.template_pids == []


def test_a_factory_is_called_once(folder: Path) -> None:
    (folder / "factories.py").write_text(
        "def create_app(name):\n"
        "    print('made', name, flush=True)\n"
        "    from hello import app\n"
        "    return app\n"
    )
    with LiveServer("factories:create_app('x')", directory=folder, workers=2) as server:
        workers(server)
        assert server.log().count("made x") == 1


def test_a_script_is_run_once_up_to_its_run_call_and_ends_in_each_worker(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import os\n"
        "from wsgiref.simple_server import make_server\n"
        "from hello import app\n"
        "if __name__ == '__main__':\n"
        "    print('configured', flush=True)\n"
        "    try:\n"
        "        make_server('127.0.0.1', 0, app).serve_forever()\n"
        "    finally:\n"
        "        os.write(1, f'behind it in {os.getpid()}\\n'.encode())\n"
    )
    with LiveServer("script.py", directory=folder, workers=2) as server:
        pids = workers(server)
        assert server.stop() == 0
        behind = [int(pid) for pid in re.findall(r"behind it in (\d+)", server.log())]
        assert server.log().count("configured") == 1
        assert sorted(behind) == sorted(pids)


def test_a_template_that_is_killed_is_told_and_workers_load_the_app_themselves(
    folder: Path,
) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        before, killed = workers(server), template(server)
        os.kill(killed, signal.SIGKILL)
        server.wait_for_log(
            f"warning: the template of generation 1 (process {killed}) was killed by SIGKILL"
        )
        assert workers(server) == before
        os.kill(min(before), signal.SIGKILL)
        server.wait_for(lambda: len(loadings(server)) == 2, "a worker had loaded the app")
        assert loadings(server)[1] in workers(server)
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2 serves")
        assert template(server) == loadings(server)[2]


def test_a_template_that_does_not_answer_is_given_up(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        os.kill(template(server), signal.SIGSTOP)
        os.kill(min(workers(server)), signal.SIGKILL)
        server.wait_for_log("does not answer, and is ended")
        server.wait_for(lambda: len(loadings(server)) == 2, "a worker had loaded the app")
        server.wait_for(lambda: server.template_pids == [], "the template had ended")


def test_a_reload_makes_a_template_of_the_new_code_and_ends_the_old_one(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        old = template(server)
        (folder / "hello.py").write_text(APP.replace('"old"', '"new"'))
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2 serves")
        server.wait_for(lambda: old not in server.template_pids, "the old template had ended")
        assert template(server)
        server.wait_for(lambda: get(server, "/version") == "new", "the new code answered")
        assert "warning: the template" not in server.log()
        assert "warning: worker" not in server.log()


def test_new_code_that_does_not_load_leaves_the_old_template(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        before, pids = template(server), workers(server)
        (folder / "hello.py").write_text("1 / 0\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("the reload failed")
        os.kill(min(pids), signal.SIGKILL)
        assert workers(server) != pids
        assert template(server) == before


def test_no_descriptor_is_left_behind(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:

        def open_now() -> int:
            return sum(map(descriptors, (server.pid, template(server), *workers(server))))

        pids = workers(server)
        before = min(open_now() for _ in range(3))  # connections of a moment aside
        for victim in sorted(pids):
            os.kill(victim, signal.SIGKILL)
        server.wait_for(lambda: not pids & set(server.worker_pids), "they were replaced")
        server.wait_for(lambda: open_now() <= before, "there were as many descriptors")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_nothing_is_left_when_it_was_asked_to_stop(folder: Path, number: signal.Signals) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        workers(server)
        server.stop(number)


def test_the_template_does_not_outlive_a_supervisor_that_is_killed(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2, exit_code=-9) as server:
        pids = workers(server)
        left = [template(server), *pids]
        os.kill(server.pid, signal.SIGKILL)
        server.wait()  # and for the end of its log, which all of them have open
        assert [pid for pid in left if Path(f"/proc/{pid}/fd/0").exists()] == []


def test_a_signal_to_every_process_ends_all_with_0(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, workers=2) as server:
        workers(server)
        os.killpg(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        assert "warning: the template" not in server.log()
        assert "warning: worker" not in server.log()


def test_a_port_that_is_taken_is_told_once(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as other:
        host, port = other.addresses[0]
        (folder / "script.py").write_text(
            "from wsgiref.simple_server import make_server\n"
            "from hello import app\n"
            "print('before')\n"
            f"make_server({host!r}, {port}, app).serve_forever()\n"
        )
        ended = run_uncork("serve", "--as=script", "script.py", "--workers=2", directory=folder)
    assert ended.exit_code == 4
    assert ended.stderr.count("error: ") == 1


@pytest.mark.measures
def test_the_memory_of_the_app_is_shared_and_the_status_says_how_much(folder: Path) -> None:
    (folder / "hello.py").write_text(f"{APP}\nDATA = [bytes(1000) for _ in range(50_000)]\n")

    def pss(server: LiveServer) -> int:
        # A worker that was just forked still has its template's title.
        pids = [server.pid, *server.template_pids, *workers(server, 3)]
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
        found = [re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE) for text in texts]
        return sum(int(each[1]) * 1024 for each in found if each)

    with LiveServer("hello:app", "--preload=off", directory=folder, workers=3) as server:
        without = pss(server)
    with LiveServer("hello:app", directory=folder, workers=3) as server:
        saved = without - pss(server)
        assert saved > 80 * 1024**2
        asked = run_uncork("status", str(server.pid), "--json", directory=folder)
        facts = json.loads(asked.stdout)
        assert facts["generations"][0]["template"] == template(server)
        assert facts["saved_by_preloading"] == pytest.approx(saved, rel=0.1)
        shown = run_uncork("status", str(server.pid), directory=folder).stdout
        assert re.search(r"in all, \d+\.\d MiB saved by preloading", shown)
