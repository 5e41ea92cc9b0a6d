"""slowhttptest against a live server, while an ordinary client measures what it gets.

`python -m tests.soak.slow_clients` runs every way of being slow in full and prints a table; a test
runs each for a moment.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.conftest import APPS
from tests.support import components
from tests.support.live_server import LiveServer
from tests.support.processes import cpu_seconds, memory_bytes

# What every way has in common: the connections are there after two seconds at the latest.
_COMMON = ("-i", "5", "-p", "5", "-v", "0")
_READY_SECONDS = 2.0
_PATIENCE_SECONDS = 15.0

# The large answer is kept for a slow reader by the server, and costs no thread.
WAYS = {
    "head": ("-H", "-x", "24", "-t", "GET", "/a"),
    "body": ("-B", "-x", "10", "-s", "8192", "-t", "POST", "/echo"),
    "range": ("-R", "-a", "10", "-b", "3000", "-t", "HEAD", "/block?size=10000"),
    "read": ("-X", "-w", "256", "-y", "512", "-n", "5", "-z", "32", "/block?size=100000"),
}


@dataclass(frozen=True)
class Attack:
    """A way of being slow, by how many connections and for how long."""

    way: str
    connections: int
    seconds: float


@dataclass(frozen=True)
class Latencies:
    """Seconds from before the connection is made to the end of the answer."""

    median: float
    p99: float
    count: int

    def __str__(self) -> str:
        return f"{self.median * 1e3:8.2f} {self.p99 * 1e3:8.2f} {self.count:8}"


@dataclass(frozen=True)
class Outcome:
    """What an attack did to the ordinary client and to the server."""

    alone: Latencies
    beside: Latencies
    connections: int
    cpu_share: float
    grown_bytes: int


def run(attack: Attack, server: LiveServer) -> Outcome:
    """Measures the ordinary client alone, then beside the attack, for the attack's time each."""
    alone = measure(server, attack.seconds)
    before = memory_bytes(server)
    with _slow_clients(attack, server):
        started, cpu = time.monotonic(), cpu_seconds(server)
        connections = server.count_connections()
        beside = measure(server, attack.seconds)
        cpu_share = (cpu_seconds(server) - cpu) / (time.monotonic() - started)
        grown = memory_bytes(server) - before
    return Outcome(alone, beside, connections, cpu_share, grown)


def measure(server: LiveServer, seconds: float) -> Latencies:
    """What a client sees that asks again and again, on a new connection each time."""
    deadline = time.monotonic() + seconds
    samples = []
    while (started := time.monotonic()) < deadline:
        with server.client() as client:
            assert client.get("/a", "Connection: close").body == b"/a"
            client.assert_closed()
        samples.append(time.monotonic() - started)
    samples.sort()
    return Latencies(statistics.median(samples), samples[len(samples) * 99 // 100], len(samples))


@contextmanager
def _slow_clients(attack: Attack, server: LiveServer) -> Iterator[None]:
    """Runs slowhttptest; entered when its connections have had time to be made."""
    *options, target = WAYS[attack.way]
    # Who asks for ranges is answered and gone: these come one after the other, all the time.
    rate = int(attack.connections / (attack.seconds if attack.way == "range" else _READY_SECONDS))
    command = [components.program("slowhttptest"), *_COMMON, *options]
    command += ["-c", str(attack.connections), "-r", str(max(1, rate))]
    command += ["-l", str(int(attack.seconds + _PATIENCE_SECONDS)), "-u", server.url + target]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while attack.way != "range" and server.count_connections() < attack.connections:
            assert process.poll() is None, f"slowhttptest ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{server.count_connections()} connections"
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Runs every attack that was asked for, each against a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("ways", nargs="*", default=list(WAYS))
    asked = parser.parse_args()
    columns = "  p50 ms   p99 ms requests"
    print(f"{'':8}{'alone:' + columns:>34}{'beside:' + columns:>36} connections  CPU  memory")
    for way in asked.ways:
        with LiveServer("plain:app", directory=APPS) as server:
            outcome = run(Attack(way, asked.connections, asked.seconds), server)
        print(
            f"{way:14} {outcome.alone}         {outcome.beside} {outcome.connections:11} "
            f"{outcome.cpu_share:4.0%} {outcome.grown_bytes / 2**20:+7.1f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
