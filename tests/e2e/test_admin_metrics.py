"""`/metrics` says what was done: over all workers, and whatever becomes of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.admin_client import ADMIN, AdminClient, proportional_bytes
from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient

pytestmark = pytest.mark.slow

APP = """\
import os, time

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/exit":
        os._exit(7)
    if path == "/stuck":
        print("got /stuck", flush=True)
        while not os.path.exists("free"):
            time.sleep(0.01)
    if path == "/slow":
        time.sleep(0.3)
    status = path[1:] if path[1:].isdigit() else "200"
    start_response(status + " So", [("Content-Length", "2")])
    return [b"hi"]
"""
CLASSES = {"2xx": "200", "3xx": "301", "4xx": "404", "5xx": "500"}
COUNTERS = ("_total", "_bucket", "_count", "_sum")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def ask(server: LiveServer, path: str) -> int:
    """The status, on a new connection."""
    with server.client() as client:
        return client.get(path, "Connection: close").status


def answered(admin: AdminClient) -> dict[str, float]:
    """How many requests were answered, by class."""
    metrics = admin.metrics()
    return {name: metrics[f'uncork_requests_total{{status="{name}"}}'] for name in CLASSES}


def wait_until_ready(admin: AdminClient, workers: int) -> None:
    """Returns once so many workers serve, and no other is there."""

    def are_ready() -> bool:
        metrics = admin.metrics()
        there = sum(n for name, n in metrics.items() if name.startswith("uncork_workers{"))
        return there == workers == metrics['uncork_workers{state="ready"}']

    admin.server.wait_for(are_ready, f"{workers} workers were ready")


def wait_until_replaced(admin: AdminClient) -> None:
    """Returns once a worker that was killed has a successor."""
    name = 'uncork_worker_restarts_total{reason="signal"}'
    admin.server.wait_for(lambda: admin.metrics().get(name) == 1, "the worker was replaced")
    admin.server.wait_for(admin.is_up, "it served")


@pytest.mark.timeout(40)
def test_each_request_is_counted_once_across_a_kill_and_a_reload(folder: Path) -> None:
    sent = dict.fromkeys(CLASSES, 0)

    def send(times: int) -> None:
        for _ in range(times):
            for name, status in CLASSES.items():
                assert ask(server, f"/{status}") == int(status)
                sent[name] += 1
        # The answer is there a moment before it is counted.
        server.wait_for(lambda: answered(admin) == sent, f"{sent} were counted")

    with LiveServer("hello:app", ADMIN, directory=folder, workers=2) as server:
        admin = AdminClient(server)
        wait_until_ready(admin, 2)
        send(10)
        os.kill(min(admin.pids("worker")), signal.SIGKILL)
        server.wait_for(
            lambda: admin.metrics().get('uncork_worker_restarts_total{reason="signal"}') == 1,
            "the worker was replaced",
        )
        wait_until_ready(admin, 2)
        send(10)
        server.send_signal(signal.SIGHUP)
        server.wait_for(
            lambda: admin.metrics()['uncork_reloads_total{outcome="succeeded"}'] == 1,
            "the reload was counted",
        )
        wait_until_ready(admin, 2)
        send(10)
        metrics = admin.metrics()
        assert metrics["uncork_requests_aborted_total"] == 0
        assert metrics["uncork_requests_in_flight"] == 0
        assert metrics["uncork_request_duration_seconds_count"] == sum(sent.values())
        assert metrics["uncork_request_queue_seconds_count"] == sum(sent.values())
        assert metrics["uncork_generation"] == 2


@pytest.mark.timeout(40)
def test_counters_go_on_over_a_restart_also_those_of_workers_that_are_still_at_it(
    folder: Path,
) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server, ExitStack() as stack:
        admin = AdminClient(server)
        for _ in range(5):
            assert ask(server, "/200") == 200
        os.kill(admin.pids("worker").pop(), signal.SIGKILL)
        wait_until_replaced(admin)
        server.send_signal(signal.SIGHUP)
        server.wait_for_log("reloaded: generation 2 serves")
        wait_until_ready(admin, 1)
        running = stack.enter_context(server.client())
        running.send(b"GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_log("got /stuck")
        server.send_signal(signal.SIGUSR2)
        server.wait_for_log("reloaded: generation 3 serves")
        metrics = admin.metrics()
        assert metrics['uncork_requests_total{status="2xx"}'] == 5
        assert metrics["uncork_requests_in_flight"] == 1
        assert metrics['uncork_worker_restarts_total{reason="signal"}'] == 1
        assert metrics['uncork_reloads_total{outcome="succeeded"}'] >= 1
        (folder / "free").touch()
        assert running.read_response().status == 200
        server.wait_for(lambda: answered(admin)["2xx"] == 6, "the old worker's was counted too")
        wait_until_ready(admin, 1)
        assert answered(admin)["2xx"] == 6


@pytest.mark.timeout(40)
def test_no_counter_ever_goes_backwards(folder: Path) -> None:
    falls: list[str] = []
    is_over = threading.Event()

    def load() -> None:
        while not is_over.is_set():
            try:
                ask(server, "/200")
            except (OSError, AssertionError):
                continue  # it was in a worker that was killed

    def scrape() -> None:
        before: Mapping[str, float] = {}
        while not is_over.is_set():
            now = admin.metrics()
            falls.extend(
                f"{name}: {before[name]} → {now.get(name)}"
                for name in before
                if name.partition("{")[0].endswith(COUNTERS) and now.get(name, -1) < before[name]
            )
            before = now

    with LiveServer("hello:app", ADMIN, directory=folder, workers=2) as server:
        admin = AdminClient(server)
        wait_until_ready(admin, 2)
        threads = [threading.Thread(target=each) for each in (load, load, scrape)]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, 4):
                killed = min(admin.pids("worker"))
                os.kill(killed, signal.SIGKILL)
                server.wait_for_log(f"(process {killed}) was killed")
                wait_until_ready(admin, 2)
                server.send_signal(signal.SIGHUP)
                server.wait_for_log(f"reloaded: generation {number + 1} serves")
                wait_until_ready(admin, 2)
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
        assert falls == []
        assert admin.metrics()['uncork_worker_restarts_total{reason="signal"}'] == 3


def test_what_runs_and_what_waits_is_seen(folder: Path) -> None:
    with (
        LiveServer("hello:app", ADMIN, "--threads=2", directory=folder) as server,
        ExitStack() as stack,
    ):
        admin = AdminClient(server)
        stuck = [stack.enter_context(server.client()) for _ in range(5)]
        for client in stuck:
            client.send(b"GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n")
        names = ("requests_in_flight", "threads_busy", "queue_length", "connections")

        def seen() -> list[float]:
            metrics = admin.metrics()
            return [metrics[f"uncork_{name}"] for name in names]

        server.wait_for(lambda: seen() == [2, 2, 3, 5], "two ran and three waited")
        (folder / "free").touch()
        for client in stuck:
            assert client.read_response().status == 200
            client.close()
        server.wait_for(lambda: seen() == [0, 0, 0, 0], "nothing was left")
        metrics = admin.metrics()
        assert metrics["uncork_request_queue_seconds_count"] == 5
        assert metrics["uncork_request_queue_seconds_sum"] > 0


def test_how_long_requests_took_is_in_the_histogram(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        for path in ("/200", "/slow", "/200"):
            assert ask(server, path) == 200
        server.wait_for(
            lambda: admin.metrics()["uncork_request_duration_seconds_count"] == 3,
            "all were counted",
        )
        metrics = admin.metrics()
        assert metrics['uncork_request_duration_seconds_bucket{le="0.25"}'] == 2
        assert metrics["uncork_request_duration_seconds_sum"] >= 0.3


def test_bytes_are_counted_as_they_were_sent(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        received = 0
        for _ in range(3):
            with server.client() as client:
                client.send(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                received += len(client.read_to_end())
        server.wait_for(
            lambda: admin.metrics()["uncork_sent_bytes_total"] == received, "all were counted"
        )


def test_its_own_requests_are_nobody_s(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        for path in ("/livez", "/readyz", "/metrics", "/nope"):
            admin.get(path)
        metrics = admin.metrics()
        assert sum(answered(admin).values()) == 0
        assert metrics["uncork_connections"] == 0
        assert metrics["uncork_sent_bytes_total"] == 0


def test_a_worker_that_ended_itself_has_that_reason_and_its_request_was_aborted(
    folder: Path,
) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        with server.client() as client:
            client.send(b"GET /exit HTTP/1.1\r\nHost: test\r\n\r\n")
            client.assert_closed()
        server.wait_for(
            lambda: admin.metrics().get('uncork_worker_restarts_total{reason="exit"}') == 1,
            "it was replaced",
        )
        assert admin.metrics()["uncork_requests_aborted_total"] == 1


def test_a_reload_that_fails_is_counted(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        (folder / "hello.py").write_text("raise RuntimeError('not today')\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for(
            lambda: admin.metrics()['uncork_reloads_total{outcome="failed"}'] == 1, "it was counted"
        )
        assert admin.metrics()['uncork_reloads_total{outcome="succeeded"}'] == 0
        assert admin.metrics()["uncork_generation"] == 1


def test_workers_that_do_not_turn_make_it_unready(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        (worker,) = admin.pids("worker")
        os.kill(worker, signal.SIGSTOP)
        try:
            server.wait_for(lambda: not admin.is_up(), "readiness ended")
            assert admin.is_up("/livez")
        finally:
            os.kill(worker, signal.SIGCONT)
        server.wait_for(admin.is_up, "it was ready again")


def test_memory_is_told_of_each_process_and_of_all_together(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder, workers=2) as server:
        admin = AdminClient(server)
        wait_until_ready(admin, 2)
        metrics = admin.metrics()
        proportional = {
            name: size
            for name, size in metrics.items()
            if name.startswith("uncork_process_proportional_memory_bytes")
        }
        assert len(proportional) == 5
        assert metrics["uncork_memory_bytes"] == sum(proportional.values())
        assert admin.pids("supervisor") == {server.pid}
        assert admin.pids("template") == set(server.template_pids)
        assert admin.pids("worker") == set(server.worker_pids) - {admin.admin_pid()}
        own = proportional_bytes(admin.admin_pid())
        assert own < 16 * 1024**2
        told = metrics[
            f'uncork_process_proportional_memory_bytes{{role="admin",worker="",pid="{admin.admin_pid()}"}}'
        ]
        assert told == pytest.approx(own, rel=0.2)


def test_as_text_for_old_scrapers(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        answer = AdminClient(server).get("/metrics", "Accept: text/plain")
        assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
        assert b"# TYPE uncork_requests_total counter\n" in answer.body


def test_head_and_other_methods(folder: Path) -> None:
    with LiveServer("hello:app", ADMIN, directory=folder) as server:
        admin = AdminClient(server)
        with RawClient(admin.connect()) as client:
            head = client.request(b"HEAD /livez HTTP/1.1\r\nHost: test\r\n\r\n")
            assert (head.status, head.body, head.header("Content-Length")) == (200, b"", "3")
            post = client.request(
                b"POST /metrics HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi"
            )
            assert (post.status, post.header("Allow")) == (405, "GET, HEAD")
