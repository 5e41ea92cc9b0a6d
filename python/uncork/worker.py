"""Serves one app in this process, on listeners that somebody else has bound.

The only module that imports `uncork._native`, and only when a function is called. It knows
nothing of addresses, signals or files of settings.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uncork import console
from uncork.errors import AppError, EnvironmentProblem, InternalError, UsageError
from uncork.late_requests import report_late

if TYPE_CHECKING:
    from mmap import mmap
    from types import ModuleType

    from _typeshed.wsgi import WSGIApplication

    from uncork.settings import Settings


@dataclass(frozen=True)
class WorkerSettings:
    """What the native worker reads, once, by attribute; units are in the names.

    Attributes:
        is_multiprocess: Whether other processes serve the same app (PEP 3333).
        max_body: In bytes; `None` is without a limit.
        keep_alive_requests: On one connection; `None` is without a limit.
        min_rate: In bytes per second.
        access_log: A descriptor; `None` is without one.
        access_log_format: `combined`, `json`, `terminal` or `terminal-in-colour`.
        access_log_waits: Whether serving waits when the log can't be written fast enough.
        request_id_header: Where a client may say what its request is called; empty for nowhere.
        has_request_ids: Whether each request is called something.
        shows_request_ids: Whether the app and the client are told what.
        request_timeout_seconds: `None` is without a limit.
        request_timeouts: Other ones by path; the first pattern that matches holds.
        own_prefix: What paths begin with that belong to uncork itself, beside the app: they are not
            logged, and what answers there may take the connection. Empty: there are none.
        certificate: The chain, PEM; `None` serves without TLS, and then `key` is `None` too.
        key: The private key, PEM.
    """

    is_multiprocess: bool
    max_threads: int
    max_queue: int
    queue_timeout_seconds: float
    max_connections: int
    keep_alive_requests: int | None
    max_head_bytes: int
    max_target_bytes: int
    max_trailer_bytes: int
    max_headers: int
    max_body: int | None
    streams_bodies: bool
    body_buffer_bytes: int
    output_buffer_bytes: int
    keep_alive_seconds: float
    head_timeout_seconds: float
    body_timeout_seconds: float
    write_timeout_seconds: float
    min_rate: int
    access_log: int | None = None
    access_log_format: str = "combined"
    access_log_waits: bool = False
    request_id_header: str = ""
    has_request_ids: bool = False
    shows_request_ids: bool = False
    request_timeout_seconds: float | None = 60.0
    request_timeouts: Sequence[tuple[str, float | None]] = ()
    request_grace_seconds: float = 5.0
    own_prefix: str = ""
    certificate: bytes | None = None
    key: bytes | None = None


def worker_settings(  # noqa: PLR0913 (by keyword, each a thing of its own)
    settings: Settings,
    *,
    is_multiprocess: bool = False,
    access_log: int | None = None,
    certificate: bytes | None = None,
    key: bytes | None = None,
    own_prefix: str = "",
) -> WorkerSettings:
    """The part of the settings that a worker needs, with its files read or opened already."""
    ids = settings.request_ids
    return WorkerSettings(
        is_multiprocess=is_multiprocess,
        max_threads=settings.threads,
        max_queue=settings.queue,
        queue_timeout_seconds=settings.queue_timeout,
        max_connections=settings.max_connections,
        keep_alive_requests=settings.keep_alive_requests,
        max_head_bytes=settings.max_head,
        max_target_bytes=settings.max_target,
        max_trailer_bytes=settings.max_trailers,
        max_headers=settings.max_headers,
        max_body=settings.max_body,
        streams_bodies=settings.body_mode == "streamed",
        body_buffer_bytes=settings.body_buffer,
        output_buffer_bytes=settings.output_buffer,
        keep_alive_seconds=settings.keep_alive,
        head_timeout_seconds=settings.head_timeout,
        body_timeout_seconds=settings.body_timeout,
        write_timeout_seconds=settings.write_timeout,
        min_rate=settings.min_rate,
        access_log=access_log,
        access_log_format=_log_format(settings.access_log_format, access_log),
        access_log_waits=settings.access_log_when_full == "wait",
        request_id_header="" if ids == "none" else settings.request_id_header,
        has_request_ids=ids == "all" or (ids == "log" and access_log is not None),
        shows_request_ids=ids == "all",
        request_timeout_seconds=settings.request_timeout,
        request_timeouts=[(each.pattern, each.seconds) for each in settings.request_timeouts],
        request_grace_seconds=settings.request_grace,
        own_prefix=own_prefix,
        certificate=certificate,
        key=key,
    )


def _log_format(wanted: str, access_log: int | None) -> str:
    """The form of the access log's lines; with `auto`, one for people where a person reads."""
    is_terminal = access_log is not None and os.isatty(access_log)
    form = wanted
    if wanted == "auto":
        form = "terminal" if is_terminal else "combined"
    has_colour = form == "terminal" and console.has_colour(is_terminal=is_terminal)
    return "terminal-in-colour" if has_colour else form


class Worker:
    """A worker that serves `app`; made, then started, drained or stopped, and joined.

    Args:
        app: The app.
        listeners: Descriptors of listening sockets; they stay the caller's to close.
        settings: Read once, here.
        scoreboard: The memory of a scoreboard and the number of this worker's row; `None`:
            nobody looks.

    Raises:
        UsageError: The certificate or the key can't be used.
        EnvironmentProblem: The machine refuses what a worker needs, such as descriptors.
    """

    def __init__(
        self,
        app: WSGIApplication,
        listeners: Sequence[int],
        settings: WorkerSettings,
        scoreboard: tuple[mmap, int] | None = None,
    ) -> None:
        native = _native()
        try:
            self._worker = native.Worker(app, listeners, settings, report, scoreboard, report_late)
        except ValueError as error:
            raise UsageError(
                f"the worker could not be set up: {error}",
                hints=("`uncork serve --show-settings` says where each setting comes from",),
            ) from None
        except OSError as error:
            raise _refused(error) from None

    def start(self) -> None:
        """Starts serving and returns at once.

        Raises:
            EnvironmentProblem: The machine refuses a thread.
        """
        try:
            self._worker.start()
        except OSError as error:
            raise _refused(error) from None

    def drain(self) -> None:
        """Stops accepting and lets running requests finish; does not block."""
        self._worker.drain()

    def stop(self) -> None:
        """Closes every connection that is not inside the app; does not block."""
        self._worker.stop()

    def reopen_access_log(self, descriptor: int) -> None:
        """Writes the access log there from now on; without one, does nothing."""
        self._worker.reopen_access_log(descriptor)

    def end_access_log(self, timeout_seconds: float) -> None:
        """Writes what is left of the access log; what can't be in time is counted and told."""
        self._worker.end_access_log(timeout_seconds)

    def join(self, timeout_seconds: float) -> bool:
        """Whether every thread ended in time; blocks without the GIL.

        Those of late requests are not waited for.
        """
        return bool(self._worker.join(timeout_seconds))

    @property
    def has_late_threads(self) -> bool:
        """Whether threads are left inside the app, in requests that are over their time."""
        return bool(self._worker.has_late_threads())


def report(text: str, error: BaseException | None) -> None:
    """Prints what went wrong in the app, with its traceback; called from any app thread."""
    if error is None:
        console.warn(text)
    else:
        console.fail(AppError(text, details=_traceback(error)))


def scoreboard_layout() -> tuple[list[tuple[str, int, int, int]], list[int]]:
    """Where everything is on a scoreboard, and its buckets; see `_native.pyi`."""
    places, bounds = _native().scoreboard_layout()
    return places, bounds


def scoreboard_running(memory: mmap, row: int) -> list[tuple[int, bytes]]:
    """The requests that run in a row, each as the bytes of its entry; see `_native.pyi`."""
    entries: list[tuple[int, bytes]] = _native().scoreboard_running(memory, row)
    return entries


def self_signed_certificate(host: str) -> tuple[bytes, bytes]:
    """A self-signed certificate for `host` and its key, both PEM."""
    certificate, key = _native().self_signed_certificate(host)
    return certificate, key


def make_authority(since: int, until: int) -> tuple[bytes, bytes]:
    """An authority for development and its key, both PEM; moments in seconds since 1970."""
    certificate, key = _native().make_authority(since, until)
    return certificate, key


def issue(authority_key: bytes, names: Sequence[str], over: tuple[int, int]) -> tuple[bytes, bytes]:
    """A certificate for host names and addresses, signed with an authority's key, and its own.

    Args:
        authority_key: PEM.
        names: Each may begin with `*.`.
        over: From when until when it holds, in seconds since 1970.
    """
    certificate, key = _native().issue(authority_key.decode(), list(names), *over)
    return certificate, key


def check_issued(
    pair: tuple[bytes, bytes], authority: bytes, names: Sequence[str], over: tuple[int, int]
) -> str | None:
    """Why a client that believes the authority would not take a certificate; `None`: it would.

    Args:
        pair: The certificate and its key, both PEM.
        authority: The authority's certificate, PEM.
        names: What it is to be for.
        over: From when until when it is to hold, in seconds since 1970.
    """
    try:
        _native().check_issued(*pair, authority, list(names), *over)
    except ValueError as error:
        return str(error)
    return None


def may_sign_for(name: str) -> bool:
    """Whether a local authority is believed for a host name or an address."""
    return bool(_native().may_sign_for(name))


def local_domains() -> list[str]:
    """The domains that a local authority is believed for."""
    domains: list[str] = _native().local_domains()
    return domains


def check_identity(certificate: bytes, key: bytes) -> str | None:
    """Why a certificate and its key, both PEM, can't be served with; `None` if they can."""
    try:
        _native().check_identity(certificate, key)
    except ValueError as error:
        return str(error)
    return None


def version() -> str:
    """The version of uncork, as built into the native core."""
    return str(_native().__version__)


def _native() -> ModuleType:
    try:
        from uncork import _native  # noqa: PLC0415 (only a worker needs it)
    except ImportError as error:
        raise InternalError(
            "the native core of uncork could not be loaded",
            cause=str(error),
            hints=(
                "install uncork again with this very interpreter: "
                "`python -m pip install --force-reinstall uncork`",
            ),
        ) from None
    return _native


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception as unprintable:  # their `__str__` may raise anything
        return f"{type(error).__name__} (and {type(unprintable).__name__} while it was shown)"


def _refused(error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        "the worker could not be started",
        cause=(error.strerror or str(error)).lower(),
        hints=("check the limits of this process: `ulimit -a`",),
    )
