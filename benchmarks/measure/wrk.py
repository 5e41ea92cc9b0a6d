"""Runs wrk on the load's core, and refuses what it reports as an error."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.samples import Disqualified

_SCRIPT = Path(__file__).with_name("wrk.lua")
_ERRORS = ("connect", "read", "write", "timeout", "status")


@dataclass(frozen=True)
class WrkOrder:
    """What wrk is to do."""

    path: str
    connections: int
    body_bytes: int = 0  # a multiple of 16
    closes: bool = False


@dataclass(frozen=True)
class WrkResult:
    """What wrk saw; there were no errors."""

    requests: int
    seconds: float
    received_bytes: int
    latency_ms: dict[str, float]

    @property
    def requests_per_second(self) -> float:
        """Whole answers by second."""
        return self.requests / self.seconds


def run_wrk(order: WrkOrder, port: int, core: int, seconds: float) -> WrkResult:
    """Loads the server for so many seconds, at least one, and blocks so long.

    Raises:
        Disqualified: There was an error, or no answer at all.
    """
    command = ["taskset", "--cpu-list", str(core), "wrk", "--threads", "1"]
    command += ["--connections", str(order.connections), "--duration", f"{max(1, round(seconds))}s"]
    command += ["--script", str(_SCRIPT)]
    if order.closes:
        command += ["--header", "Connection: close"]
    command += [f"http://127.0.0.1:{port}{order.path}", "--", str(order.body_bytes)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds + 30
    )
    summaries = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not summaries:
        raise Disqualified(f"wrk failed: {(done.stderr or done.stdout).strip()}")
    return _judge(json.loads(summaries[-1]))


def wrk_version() -> str | None:
    """The version of the wrk that is found, or `None`."""
    if shutil.which("wrk") is None:
        return None
    done = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return words[1] if len(words) > 1 else "unknown"


def _judge(summary: dict[str, Any]) -> WrkResult:
    if errors := [f"{summary[kind]} {kind}" for kind in _ERRORS if summary[kind]]:
        raise Disqualified(f"wrk saw errors: {', '.join(errors)}")
    if not summary["requests"]:
        raise Disqualified("no request was answered")
    names = ("p50", "p90", "p99", "p999", "max")
    return WrkResult(
        requests=summary["requests"],
        seconds=summary["duration_us"] / 1e6,
        received_bytes=summary["bytes"],
        latency_ms={f"{name}_ms": summary[f"{name}_us"] / 1000 for name in names},
    )
