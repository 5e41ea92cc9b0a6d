"""The native core: one class, which serves one application in one process.

Built from `crates/bridge`. Only `uncork.worker` imports it.
"""

from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Protocol, final

from _typeshed.wsgi import WSGIApplication

class WorkerSettings(Protocol):
    """What `Worker` reads, once, by attribute; see `uncork.worker.WorkerSettings`."""

    @property
    def is_multiprocess(self) -> bool: ...
    @property
    def max_threads(self) -> int: ...
    @property
    def max_queue(self) -> int: ...
    @property
    def queue_timeout_seconds(self) -> float: ...
    @property
    def max_connections(self) -> int: ...
    @property
    def keep_alive_requests(self) -> int | None: ...
    @property
    def max_head_bytes(self) -> int: ...
    @property
    def max_target_bytes(self) -> int: ...
    @property
    def max_trailer_bytes(self) -> int: ...
    @property
    def max_headers(self) -> int: ...
    @property
    def max_body(self) -> int | None: ...
    @property
    def streams_bodies(self) -> bool: ...
    @property
    def body_buffer_bytes(self) -> int: ...
    @property
    def output_buffer_bytes(self) -> int: ...
    @property
    def keep_alive_seconds(self) -> float: ...
    @property
    def head_timeout_seconds(self) -> float: ...
    @property
    def body_timeout_seconds(self) -> float: ...
    @property
    def write_timeout_seconds(self) -> float: ...
    @property
    def min_rate(self) -> int: ...
    @property
    def access_log(self) -> int | None: ...
    @property
    def access_log_format(self) -> str: ...
    @property
    def access_log_waits(self) -> bool: ...
    @property
    def request_id_header(self) -> str: ...
    @property
    def has_request_ids(self) -> bool: ...
    @property
    def shows_request_ids(self) -> bool: ...
    def request_timeout_seconds(self) -> float | None: ...
    @property
    def request_timeouts(self) -> Sequence[tuple[str, float | None]]: ...
    @property
    def request_grace_seconds(self) -> float: ...
    @property
    def own_prefix(self) -> str: ...
    @property
    def certificate(self) -> bytes | None: ...
    @property
    def key(self) -> bytes | None: ...

__version__: str

def self_signed_certificate(host: str) -> tuple[bytes, bytes]:
    """Makes a self-signed certificate and its key for `host`, both PEM.

    Takes about a millisecond; holds the GIL.
    """

def make_authority(since: int, until: int) -> tuple[bytes, bytes]:
    """Makes an authority for development: its certificate and its key, both PEM.

    It is believed for names and addresses of this machine and its network only. Both moments are
    in seconds since 1970.
    """

def issue(authority_key: str, names: Sequence[str], since: int, until: int) -> tuple[bytes, bytes]:
    """Makes a certificate for host names and addresses, and its key, both PEM.

    Takes about a millisecond; holds the GIL.

    Raises:
        ValueError: The authority's key is none, or a name can't stand in a certificate.
    """

def check_issued(
    certificate: bytes, key: bytes, authority: bytes, names: Sequence[str], since: int, until: int
) -> None:
    """Returns if a client that believes the authority takes the certificate, over that time.

    Raises:
        ValueError: It does not; the text says why.
    """

def may_sign_for(name: str) -> bool:
    """Says whether an authority is believed for a host name or an address."""

def local_domains() -> list[str]:
    """The domains that it is believed for, each with all that is below it."""

def check_identity(certificate: bytes, key: bytes) -> None:
    """Returns if a certificate and its key, both PEM, can be served with.

    Raises:
        ValueError: They can't; the text says why.
    """

def scoreboard_layout() -> tuple[list[tuple[str, int, int, int]], list[int]]:
    """Says where everything is on a scoreboard, and the upper bounds of its buckets in ns.

    Each place is a name, such as `row.pid`; the offset in bytes from the start of what is named
    before the dot; the bytes of one; and how many there are, zero for as many as there is room.
    """

def scoreboard_running(board: Any, row: int) -> list[tuple[int, bytes]]:
    """Copies what a row says of the requests that run: the number of the cell, and its `running`.

    No copy is of two moments. An entry whose writer was killed in the middle is left out.

    Raises:
        ValueError: There is no such row, or `board` is no memory that can be written.
    """

@final
class Worker:
    """Serves `app` on sockets that are bound and listening already.

    Args:
        app: The WSGI application (PEP 3333).
        listeners: File descriptors of listening stream sockets. They are duplicated: the
            caller's stay open and are the caller's to close.
        settings: Read once, here; later changes have no effect.
        report: Called with a line of text, and with the exception or `None`, when something
            goes wrong that the operator should know: the application raised, or broke
            PEP 3333. Called with the GIL held, from any application thread.
        scoreboard: Memory that can be written, shared with whoever reads it, and the number of
            the row that is this worker's; `None`: nobody looks.
        report_late: Called when a request is over its time and its client has been told: with the
            method, the target, the client's address and port or `None`, what the request is
            called or `None`, the seconds since it began, whether a part of an answer was sent, and
            the innermost frame of its thread, or `None` when it has ended since. Gives the
            exception's class that is to be raised in that thread while it is in that request, or
            `None`. Called with the GIL held.

    Raises:
        OSError: A listener is not a listening socket.
        ValueError: A setting is out of range, the certificate or key can't be used, or the
            scoreboard has no such row.
    """

    def __init__(
        self,
        app: WSGIApplication,
        listeners: Sequence[int],
        settings: WorkerSettings,
        report: Callable[[str, BaseException | None], Any],
        scoreboard: tuple[Any, int] | None = None,
        report_late: Callable[
            [str, str, str | None, str | None, float, bool, FrameType | None],
            type[BaseException] | None,
        ]
        | None = None,
    ) -> None: ...
    def start(self) -> None:
        """Starts the threads and returns at once. May be called once."""
    def drain(self) -> None:
        """Stops accepting and lets running requests finish. Does not block; idempotent."""
    def stop(self) -> None:
        """Closes every connection that no application thread holds. Does not block."""
    def reopen_access_log(self, descriptor: int) -> None:
        """Writes the access log there from now on, and closes where it was written before.

        The descriptor is duplicated. Does not block; nothing without an access log.

        Raises:
            OSError: It is not open.
        """
    def end_access_log(self, timeout_seconds: float) -> None:
        """Writes what is left of the access log, without the GIL, when nothing is served.

        Calls `report` where lines were lost. Nothing is logged behind it.
        """
    def join(self, timeout_seconds: float) -> bool:
        """Waits, without the GIL, until every thread has ended; `False` when time ran out.

        Threads of late requests are not waited for.
        """
    def has_late_threads(self) -> bool:
        """Says whether threads are left inside requests that are late."""

@final
class FileWrapper:
    """`wsgi.file_wrapper`: yields what `filelike.read(blksize)` returns until that is empty."""

    def __new__(cls, filelike: Any, blksize: int = 65536) -> FileWrapper: ...
    def __iter__(self) -> FileWrapper: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None:
        """Closes the file, if it can be closed."""

@final
class Input:
    """`wsgi.input`: the body of one request, as a binary file.

    A body that has been received can be sought, and reading never waits for the client; it lets
    go of the GIL where the body lies in a file. One that is coming (`body_mode = "streamed"`) is
    read once, while the request lasts; reading waits for the client, without the GIL, until it
    has as many bytes as were asked for, or with `read1` some.

    Raises:
        ConnectionResetError: The client went before the body was whole.
        TimeoutError: The client was too slow.
        OSError: The body is not valid, or too large.
        RuntimeError: It was read, while it was coming, after its request had ended.
    """

    def read(self, size: int | None = None, /) -> bytes: ...
    def read1(self, size: int | None = None, /) -> bytes: ...
    def readline(self, size: int | None = None, /) -> bytes: ...
    def readlines(self, hint: int | None = None, /) -> list[bytes]: ...
    def readinto(self, buffer: Any) -> int: ...
    def __iter__(self) -> Input: ...
    def __next__(self) -> bytes: ...
    def tell(self) -> int: ...
    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Raises `io.UnsupportedOperation` where the body is coming."""
    def readable(self) -> bool: ...
    def writable(self) -> bool: ...
    def seekable(self) -> bool: ...
    def close(self) -> None:
        """Does nothing: the body goes with its request."""
    @property
    def closed(self) -> bool: ...
