from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from uncork import worker
from uncork.errors import EnvironmentProblem, UncorkError, UsageError
from uncork.late_requests import report_late
from uncork.settings import resolve


@dataclass
class FakeNative:
    """Stands for `uncork._native`."""

    refusal: Exception | None = None
    calls: list[Any] = field(default_factory=list)

    def Worker(self, *arguments: Any) -> FakeNative:
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(arguments)
        return self

    def start(self) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    def join(self, timeout_seconds: float) -> bool:
        return timeout_seconds > 0


def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    return []


@pytest.fixture
def settings(tmp_path: Path) -> worker.WorkerSettings:
    resolved = resolve(flags={}, environ={}, directory=tmp_path)
    return worker.worker_settings(resolved.values, certificate=b"c", key=b"k")


def test_settings_reach_the_native_worker_under_its_own_names(
    settings: worker.WorkerSettings,
) -> None:
    assert (settings.max_threads, settings.max_queue, settings.max_connections) == (64, 1024, 16384)
    assert (settings.max_head_bytes, settings.max_headers) == (64 * 1024, 100)
    assert (settings.keep_alive_seconds, settings.write_timeout_seconds) == (75.0, 60.0)
    assert (settings.head_timeout_seconds, settings.body_timeout_seconds) == (30.0, 30.0)
    assert (settings.body_buffer_bytes, settings.output_buffer_bytes) == (1 << 20, 1 << 20)
    assert settings.streams_bodies is False
    assert settings.is_multiprocess is False
    assert (settings.certificate, settings.key) == (b"c", b"k")


def test_the_worker_gets_app_listeners_settings_and_report(
    monkeypatch: pytest.MonkeyPatch, settings: worker.WorkerSettings
) -> None:
    native = FakeNative()
    monkeypatch.setattr(worker, "_native", lambda: native)
    made = worker.Worker(app, [3, 4], settings)
    assert native.calls == [(app, [3, 4], settings, worker.report, None, report_late)]
    assert made.join(1.0)
    with pytest.raises(EnvironmentProblem, match="could not be started"):
        made.start()


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (ValueError("the key does not fit the certificate"), UsageError),
        (OSError(errno.EMFILE, "Too many open files"), EnvironmentProblem),
    ],
)
def test_a_refusal_is_told_by_who_can_mend_it(
    monkeypatch: pytest.MonkeyPatch,
    settings: worker.WorkerSettings,
    refusal: Exception,
    expected: type[UncorkError],
) -> None:
    monkeypatch.setattr(worker, "_native", lambda: FakeNative(refusal))
    with pytest.raises(expected):
        worker.Worker(app, [3], settings)


def test_an_exception_of_the_app_is_reported_with_its_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError as error:
        worker.report("GET / failed", error)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: GET / failed"
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ZeroDivisionError: by nothing"


def test_a_breach_without_an_exception_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    worker.report("the app sent less than its Content-Length", None)
    assert capsys.readouterr().err.startswith("warning: the app sent less")
