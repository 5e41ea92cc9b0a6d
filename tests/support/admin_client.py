"""Asks a live server's admin listener: for health, and for metrics as a scraper reads them."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.live_server import LiveServer
from tests.support.raw_client import RawClient, RawResponse

ADMIN = "--admin=127.0.0.1:0"
_PLACE = re.compile(r"^health and metrics on http://([\d.]+):(\d+)$", re.MULTILINE)


class AdminClient:
    """The admin listener of a server that was started with `ADMIN`."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        server.wait_for(lambda: bool(_PLACE.search(server.log())), "the admin listener was named")

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, as it was said last."""
        places = _PLACE.findall(self.server.log())
        return places[-1][0], int(places[-1][1])

    def connect(self) -> socket.socket:
        """A new connection."""
        return socket.create_connection(self.address, timeout=5.0)

    def get(self, path: str, *headers: str) -> RawResponse:
        """The answer to a GET on a new connection."""
        with RawClient(self.connect()) as client:
            return client.get(path, *headers)

    def is_up(self, path: str = "/readyz") -> bool:
        """Whether the answer is 200."""
        return self.get(path).status == 200

    def why_not(self, path: str = "/readyz") -> str:
        """What a 503 says."""
        answer = self.get(path)
        assert answer.status == 503, answer
        return answer.body.decode()

    def metrics(self) -> Mapping[str, float]:
        """Each sample by its name and labels, as in `uncork_requests_total{status="2xx"}`."""
        text = self.get("/metrics").body.decode()
        return {
            sample.name + _labels(sample.labels): sample.value
            for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
            for sample in family.samples
        }

    def pids(self, role: str) -> set[int]:
        """The processes of that role."""
        found = re.finditer(
            rf'^uncork_process_resident_memory_bytes{{role="{role}",.*pid="(\d+)"',
            self.get("/metrics").body.decode(),
            re.MULTILINE,
        )
        return {int(each[1]) for each in found}

    def admin_pid(self) -> int:
        """The process that answers."""
        (pid,) = self.pids("admin")
        return pid


def proportional_bytes(pid: int) -> int:
    """Memory of a process, with its part of what it shares."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    assert found is not None
    return int(found[1]) * 1024


def _labels(labels: Mapping[str, str]) -> str:
    text = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{text}}}" if text else ""
