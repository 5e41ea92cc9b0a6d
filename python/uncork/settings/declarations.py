"""Every setting, declared once.

The flags, the `UNCORK_*` variables, the keys of the file, its validation, `--show-settings`
and the reference page are all made from the fields of `Settings`. To add a setting, add a
field; nothing else here or elsewhere lists them.
"""

# ruff: noqa: RUF009 (`setting` is `dataclasses.field` with our names for its arguments)

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from uncork.settings.bind import DEFAULT_BIND, Bind
from uncork.settings.kinds import (
    Account,
    Binds,
    Choice,
    Count,
    CountOrAuto,
    Duration,
    FilePath,
    Kind,
    Mode,
    OneBind,
    Owner,
    RequestTarget,
    Size,
    SocketPath,
    Text,
)
from uncork.settings.log_kinds import HeaderName, LogPath
from uncork.settings.once import Once, OnceProcess
from uncork.settings.path_timeouts import PathTimeout, PathTimeouts

KIB, MIB, GIB = 1024, 1024**2, 1024**3

# A timeout of more than a day is a slip of the unit, not a wish.
DAY = 86400.0
MOMENT = 0.001


@dataclass(frozen=True)
class Declaration:
    """What there is to know about one setting.

    Attributes:
        field: Its name in `Settings`.
        name: Its key in a file; its variable is `UNCORK_` and this in capitals.
        flag: Its flag.
        short_flag: A one-letter flag, where people have one in their fingers.
        also: Variables of other tools that set it too, weaker than its own.
        kind: How a value is read and shown.
        group: The heading it stands under in the help and on the reference page.
        paragraph: What it is for; the first sentence alone is the flag's help.
        default: The value when nothing sets it.
        is_in_files: Whether a file of settings may set it.
        table: The table of such a file in which it stands; empty: at the top.
    """

    field: str
    name: str
    flag: str
    short_flag: str | None
    also: tuple[str, ...]
    kind: Kind
    group: str
    paragraph: str
    default: object
    is_in_files: bool
    table: str = ""

    @property
    def variable(self) -> str:
        """Its own environment variable."""
        return "_".join(filter(None, ("UNCORK", self.table.upper(), self.name.upper())))

    @property
    def summary(self) -> str:
        """The first sentence of the paragraph, without its full stop."""
        return self.paragraph.split(". ", 1)[0].removesuffix(".")

    @property
    def is_repeatable(self) -> bool:
        """Whether its flag may be given more than once."""
        return isinstance(self.kind, Binds | Once)


def setting(  # noqa: PLR0913 (a declaration is one call)
    default: object,
    kind: Kind,
    group: str,
    paragraph: str,
    *,
    name: str | None = None,
    short_flag: str | None = None,
    also: tuple[str, ...] = (),
    is_in_files: bool = True,
) -> Any:  # as dataclasses.field() does: the type stands on the field
    """A field that declares a setting: see `Declaration`."""
    metadata = {
        "kind": kind,
        "group": group,
        "paragraph": paragraph,
        "name": name,
        "short_flag": short_flag,
        "also": also,
        "is_in_files": is_in_files,
    }
    return dataclasses.field(default=default, metadata=metadata)


LoadAs = Literal["auto", "module", "script"]
BodyMode = Literal["buffered", "streamed"]
LogFormat = Literal["auto", "terminal", "combined", "json"]
RequestIds = Literal["log", "all", "none"]
WhenFull = Literal["drop", "wait"]
Preload = Literal["auto", "on", "off"]

_APP = "Application"
_LISTENING = "Listening"
_TLS = "TLS"
_SERVICE = "Service"
_REQUESTS = "Requests"
_TIMEOUTS = "Timeouts"
_CONCURRENCY = "Concurrency"
_OPERATION = "Operation"
_WORKERS = "Life of a worker"
_LOGS = "Logs"

_APP_SPEC = Text("SPEC", "`module:name`, `module:factory()`, `module` or `file.py`")
_FACTORY = Text("MODULE:FACTORY", "`module:factory`")
_CONFIG_FILE = FilePath()


@dataclass(frozen=True)
class Settings:
    """The value of every setting; durations in seconds, sizes in bytes."""

    app: str | None = setting(
        None,
        _APP_SPEC,
        _APP,
        "The application: `module:name`, `module:factory()`, `module` or `file.py`. "
        "Without it, `app.py`, `wsgi.py` and other usual names are looked for in the working "
        "directory. The argument of a command says the same and comes first.",
        short_flag="-A",
        also=("FLASK_APP",),
    )
    call: str | None = setting(
        None,
        _FACTORY,
        _APP,
        "A function that is called to get the application, as `waitress-serve --call` has it. "
        "The same as `--app 'module:factory()'`.",
    )
    load_as: LoadAs = setting(
        "auto",
        Choice("WORD", "`auto`, `module` or `script`", ("auto", "module", "script")),
        _APP,
        "Whether a file is imported (`module`) or run like `python file.py` (`script`). "
        "With `auto`, a file whose `__main__` block does more than run the application is run, "
        "and every other is imported.",
        name="as",
    )
    config: str | None = setting(
        None,
        _CONFIG_FILE,
        _APP,
        "The file of settings, instead of the nearest `uncork.toml` or `pyproject.toml`. "
        "In a file that is called `pyproject.toml` the table `[tool.uncork]` is read, in any "
        "other the whole file.",
        is_in_files=False,
    )
    bind: tuple[Bind, ...] = setting(
        (DEFAULT_BIND,),
        Binds(),
        _LISTENING,
        "An address to listen on: `host:port`, `[ipv6]:port`, `unix:/path` or `fd://N`. "
        "The flag may be repeated; a file takes an array, a variable takes commas. `fd://N` is "
        "a listening socket that whoever started `uncork` has opened, `fd://NAME` one that systemd "
        "hands over under that name; without any address, all that systemd hands over are taken. "
        "`PORT=5000` means "
        "`0.0.0.0:5000`, as hosting platforms expect; `FLASK_RUN_HOST` and `FLASK_RUN_PORT` "
        "make one address, and the half that is missing comes from the default.",
        short_flag="-b",
        also=("PORT", "FLASK_RUN_HOST", "FLASK_RUN_PORT"),
    )
    backlog: int = setting(
        2048,
        Count(1, 65535),
        _LISTENING,
        "How many connections the system keeps ready to be accepted, for each listener. "
        "The system has a limit of its own (`net.core.somaxconn` on Linux) and the lower one "
        "holds.",
    )
    unix_mode: int = setting(
        0o660,
        Mode(),
        _LISTENING,
        "The mode of a Unix socket's file. Owner and group may connect by default, and nobody "
        "else: whoever can connect can claim any client address in forwarded headers. For a "
        "proxy that runs as another user, set `unix_owner` to a group that both are in.",
    )
    unix_owner: str | None = setting(
        None,
        Owner("USER:GROUP", "`user`, `user:group` or `:group`"),
        _LISTENING,
        "The owner of a Unix socket's file: `user`, `user:group` or `:group`. "
        "Without it, the file belongs to the user and group that `uncork` runs as.",
    )
    admin: Bind | None = setting(
        None,
        OneBind(),
        _LISTENING,
        "An address for health and metrics, apart from those of the application. "
        "`/livez` and `/readyz` answer 200 or 503, and `/metrics` is for Prometheus. A small "
        "process of its own answers, also while the application is loaded and while every worker "
        "is stuck. Whoever can connect can read, so name an address that the public can't reach.",
    )
    cert: str | None = setting(
        None,
        FilePath(word="adhoc"),
        _TLS,
        "The certificate chain, in a PEM file; switches TLS on. "
        "Needs `key` beside it. `adhoc` makes a self-signed certificate at each start, "
        "which browsers warn of.",
        also=("FLASK_RUN_CERT",),
    )
    key: str | None = setting(
        None,
        FilePath(),
        _TLS,
        "The private key of the certificate, in a PEM file.",
        also=("FLASK_RUN_KEY",),
    )
    user: str | None = setting(
        None,
        Account("USER", "the name or the number of a user"),
        _SERVICE,
        "The user that the application runs as, when `uncork` is started as root. "
        "The supervisor binds and reads the key of the certificate as root; each worker gives "
        "root's rights up for good before it loads the application. The user's other groups come "
        "along, and `HOME`, `USER` and `LOGNAME` become the user's. `root` says that the "
        "application is meant to run as root.",
    )
    group: str | None = setting(
        None,
        Account("GROUP", "the name or the number of a group"),
        _SERVICE,
        "The group that the application runs as, beside `user`. Without it, the user's own group.",
    )
    max_body: int | None = setting(
        GIB,
        Size(0, 2**50, can_be_unlimited=True),
        _REQUESTS,
        "The largest request body; a larger one is answered with 413 before it is read. "
        "The default stops a client from filling the disk and lets every usual upload pass "
        "(waitress has the same). `unlimited` takes the limit away.",
    )
    body_mode: BodyMode = setting(
        "buffered",
        Choice("WORD", "`buffered` or `streamed`", ("buffered", "streamed")),
        _REQUESTS,
        "How the application gets a request body: when it is whole (`buffered`), or while it "
        "comes (`streamed`). "
        "With `buffered`, a slow client costs no thread, and the application never sees a part of "
        "an upload. With `streamed`, the application is called at once and reads as the bytes "
        "come: an upload of any size needs no room on the disk, but each keeps a thread for as "
        "long as its client sends.",
    )
    body_buffer: int = setting(
        MIB,
        Size(0, GIB),
        _REQUESTS,
        "How much of a request body is kept in memory. "
        "What is beyond it goes to an unnamed temporary file, in the folder that `TMPDIR` names.",
    )
    max_head: int = setting(
        64 * KIB,
        Size(KIB, 16 * MIB),
        _REQUESTS,
        "The largest request head: the request line and all headers. "
        "A larger one is answered with 431.",
    )
    max_target: int = setting(
        8 * KIB,
        Size(64, 16 * MIB),
        _REQUESTS,
        "The longest request target: path and query. "
        "A longer one is answered with 414; Apache and nginx take 8 KiB too.",
    )
    max_trailers: int = setting(
        16 * KIB,
        Size(0, 16 * MIB),
        _REQUESTS,
        "The most bytes of trailer fields behind a chunked request body. "
        "More are answered with 431. The application never sees them.",
    )
    max_headers: int = setting(
        100,
        Count(1, 10_000),
        _REQUESTS,
        "The largest number of headers in a request. "
        "More are answered with 431; gunicorn, Apache and Granian draw the line at 100 too.",
    )
    output_buffer: int = setting(
        MIB,
        Size(4 * KIB, GIB),
        _REQUESTS,
        "How much of a response waits in memory for a slow client. "
        "When it is full, the thread that makes the response waits as well.",
    )
    head_timeout: float = setting(
        30.0,
        Duration(MOMENT, DAY),
        _TIMEOUTS,
        "How long a client may take to send a request head. "
        "It counts from the first byte; the connection is closed when it is over.",
    )
    body_timeout: float = setting(
        30.0,
        Duration(MOMENT, DAY),
        _TIMEOUTS,
        "How long a client may pause while it sends a request body. "
        "A slow upload that goes on, at `min_rate` or more, is not cut off.",
    )
    write_timeout: float = setting(
        60.0,
        Duration(MOMENT, DAY),
        _TIMEOUTS,
        "How long a client may take nothing of a response that waits for it. "
        "A slow download that goes on, at `min_rate` or more, is not cut off.",
    )
    min_rate: int = setting(
        500,
        Size(0, GIB),
        _TIMEOUTS,
        "How many bytes a second a client has to send of a body, or to take of a response. "
        "It is the average over `body_timeout` or `write_timeout`; a slower client is cut off, "
        "so that nobody keeps a request open by a byte a second. Apache's `mod_reqtimeout` has "
        "the same default. `0` lets any progress do.",
    )
    keep_alive: float = setting(
        75.0,
        Duration(0, DAY),
        _TIMEOUTS,
        "How long a connection stays open between two requests. "
        "`0` closes each connection after one response. Behind a proxy or a load balancer, it "
        "should be longer than their own.",
    )
    request_timeout: float | None = setting(
        60.0,
        Duration(MOMENT, DAY, can_be_unlimited=True),
        _TIMEOUTS,
        "How long the application may keep a client waiting: for the start of an answer, and then "
        "between its pieces. "
        "When it is over, the client is answered with 504 (of an answer that has begun, the "
        "connection is broken), the log says where the request is, and `uncork.RequestTimeout` is "
        "raised there. Waiting for a slow client does not count, nor does an upgraded connection "
        "(WebSocket). nginx's `proxy_read_timeout` means the same, and has the same default.",
    )
    request_timeouts: tuple[PathTimeout, ...] = setting(
        (),
        PathTimeouts(Duration(MOMENT, DAY, can_be_unlimited=True)),
        _TIMEOUTS,
        "Other values of `request_timeout` for some paths. "
        'A table in a file: `"/reports/*" = "5m"`; the flag takes `/reports/*=5m,/export=10m`. '
        "A whole path comes before the begin of one, and a longer begin before a shorter one. "
        "Paths are compared as they stand in the request, without the query.",
    )
    request_grace: float = setting(
        5.0,
        Duration(0, DAY),
        _TIMEOUTS,
        "How long a request that is over its time may take to end. "
        "After it, another worker takes the place of the one that it is in, which answers its "
        "other requests and goes: a thread that waits inside C code hears of no exception.",
    )
    heartbeat_timeout: float | None = setting(
        30.0,
        Duration(2.0, DAY, can_be_unlimited=True),
        _TIMEOUTS,
        "How long a worker may show no sign of life: its loop does not turn, or, while requests "
        "run, its interpreter can't be had. "
        "Then it is dumped, with what each of its threads is at, and killed, and another one takes "
        "its place. It happens when an extension in C keeps the interpreter's lock, or when the "
        "machine does not let the process run. gunicorn's `timeout` has the same default.",
    )
    graceful_timeout: float = setting(
        30.0,
        Duration(0, DAY),
        _TIMEOUTS,
        "How long running requests have to finish when the server is asked to stop. "
        "The process ends when they have, or when this is over. `0` waits for none.",
    )
    drain_delay: float = setting(
        0.0,
        Duration(0, DAY),
        _TIMEOUTS,
        "How long the server goes on as before when it is asked to stop, before it drains. "
        "A load balancer needs a moment to learn that no new connections are to come here; five "
        "seconds do for Kubernetes. A second TERM or Ctrl+C ends the delay at once.",
    )
    boot_timeout: float = setting(
        60.0,
        Duration(MOMENT, DAY),
        _TIMEOUTS,
        "How long a worker may take to load the application. "
        "One that takes longer is ended, and the log says where it was. At a reload, the code from "
        "before goes on serving then.",
    )
    workers: int | None = setting(
        None,
        CountOrAuto(1, 1024),
        _CONCURRENCY,
        "How many processes serve the application, each with threads of its own. "
        "With `auto`, as many as there are CPUs to use: as the process's affinity has it, no "
        "more than the CPU quota of its cgroup, which is what a container has, and no more than "
        "fit into the memory, each being as large as the first one is with the application loaded. "
        "The supervisor, which starts and replaces them, is one more.",
        short_flag="-w",
        also=("WEB_CONCURRENCY",),
    )
    preload: Preload = setting(
        "auto",
        Choice("WORD", "`auto`, `on` or `off`", ("auto", "on", "off")),
        _CONCURRENCY,
        "Whether the application is loaded once, in a process that the workers are forked from. "
        "They share its memory then, start in a moment, and are replaced with the code that was "
        "loaded, whatever has become of the files. With `auto`, that is done for several workers, "
        "unless the application holds what does not outlive a fork: a thread, a process, a "
        "connection, an SQLite database. Then each worker loads it by itself, and the log says "
        "why. With `on`, a single worker has such a process too. Needs Linux.",
    )
    threads: int = setting(
        64,
        Count(1, 4096),
        _CONCURRENCY,
        "The largest number of threads that run the application in each worker. "
        "They are started as they are needed and go when they are idle, so there is rarely a "
        "reason to change this: the number of slow requests to be answered at once is one.",
    )
    queue: int = setting(
        1024,
        Count(0, 1_000_000),
        _CONCURRENCY,
        "How many requests may wait for a thread of a worker. "
        "Beyond it, a request is answered at once with 503 and `Retry-After`.",
    )
    queue_timeout: float = setting(
        45.0,
        Duration(MOMENT, DAY),
        _CONCURRENCY,
        "How long a request may wait for a thread. "
        "After it, the request is answered with 503 and the application never sees it: by then "
        "its client has often gone. mod_wsgi has the same default.",
    )
    max_connections: int = setting(
        16_384,
        Count(1, 1_000_000),
        _CONCURRENCY,
        "The largest number of open connections of each worker. "
        "For a further one the longest idle one is closed; when none is idle, it waits in the "
        "backlog of the system. Each takes a descriptor, and the application needs some too: where "
        "the hard limit of open files is too low for that, there are fewer, and a warning says so.",
    )
    keep_alive_requests: int | None = setting(
        None,
        Count(1, 1_000_000_000, can_be_unlimited=True),
        _CONCURRENCY,
        "The largest number of requests on one connection. "
        "The last one is answered with `Connection: close`. There is no limit by default: a "
        "connection costs no more with time.",
    )
    control: str = setting(
        "auto",
        SocketPath(),
        _OPERATION,
        "Where the control socket is, at which `uncork status` and its like ask. "
        "With `auto`: in the folder that `RUNTIME_DIRECTORY` names, else in `uncork/` in that of "
        "`XDG_RUNTIME_DIR`, else without a file (Linux has such sockets), else nowhere; the "
        "commands find it by themselves. With a path, there; the commands are then told the same "
        "path. With `none`, nowhere. Only root and the user that the server runs as can use it.",
    )
    health_path: str | None = setting(
        "/",
        RequestTarget(),
        _WORKERS,
        "What each worker of new code is asked before a reload lets it take over. "
        "It is a GET, made inside the worker; with an answer of 500 or above, an exception, or no "
        "answer within `health_timeout`, the code from before goes on serving. Any other answer "
        "will do, a redirect to the login and 404 too. It is not asked at the first start, nor "
        "when a worker is replaced: there is nothing better to serve then. `none` asks nothing.",
    )
    health_timeout: float = setting(
        10.0,
        Duration(MOMENT, DAY),
        _WORKERS,
        "How long the answer to the request of `health_path` may take. "
        "After it, the reload is given up, and the log says where the application was.",
    )
    max_requests: int | None = setting(
        None,
        Count(1, 1_000_000_000, can_be_unlimited=True),
        _WORKERS,
        "After how many requests a worker is replaced. "
        "For applications that leak. Another one serves before it finishes what runs and ends, and "
        "one worker is replaced at a time, so no request is lost. It is looked at once a second: a "
        "busy worker answers some more.",
    )
    max_requests_jitter: int = setting(
        0,
        Count(0, 1_000_000_000),
        _WORKERS,
        "How many requests more than `max_requests` a worker may answer, at random. "
        "It keeps workers that began together from being replaced one right behind the other.",
    )
    max_rss: int | None = setting(
        None,
        Size(MIB, 2**50, can_be_unlimited=True),
        _WORKERS,
        "With how much memory a worker is replaced. "
        "It is what `ps` and `top` show as RSS, what it shares with other workers included. It is "
        "looked at once a second, on Linux only.",
    )
    max_worker_age: float | None = setting(
        None,
        Duration(1.0, 365 * DAY, can_be_unlimited=True),
        _WORKERS,
        "How long a worker serves before it is replaced. "
        "Up to a tenth more, at random, so that workers that began together do not end together.",
    )
    once: tuple[OnceProcess, ...] = setting(
        (),
        Once(),
        _WORKERS,
        "Processes that run beside the workers, each in one copy: `NAME=MODULE:FUNCTION` or "
        "`NAME=COMMAND`. "
        "In a file it is a table, `[tool.uncork.once]`, with a line for each: a function, a "
        "command as a text or as an array, or a table with `run` and `restart`. One that fails is "
        "started again; one that ends with 0 has finished, unless `restart` is `always`. A reload "
        "stops it, and starts it anew. The flag may be repeated; a variable takes semicolons.",
    )
    access_log: str | None = setting(
        None,
        LogPath("stdout"),
        _LOGS,
        "Where each answered request gets a line: a file, `-` for stdout, or `none`. "
        "Lines are made and written by a thread of their own, up to 10 ms after the answer. A file "
        "is appended to, by all workers, and opened again at the signal USR1.",
    )
    access_log_format: LogFormat = setting(
        "auto",
        Choice(
            "WORD",
            "`auto`, `terminal`, `combined` or `json`",
            ("auto", "terminal", "combined", "json"),
        ),
        _LOGS,
        "The form of a line: `combined` as Apache and nginx have it, `json`, or `terminal`. "
        "With `auto`, it is `terminal` where the log goes to a terminal, and `combined` elsewhere.",
    )
    access_log_when_full: WhenFull = setting(
        "drop",
        Choice("WORD", "`drop` or `wait`", ("drop", "wait")),
        _LOGS,
        "What happens when lines can't be written as fast as they come, and 4 MiB of them wait. "
        "With `drop`, lines are lost, and a warning says how many. With `wait`, none is, and the "
        "worker serves nobody until there is room.",
    )
    request_ids: RequestIds = setting(
        "log",
        Choice("WORD", "`log`, `all` or `none`", ("log", "all", "none")),
        _LOGS,
        "Who is told the id of a request: the logs (`log`), the application and the client too "
        "(`all`), or nobody (`none`). "
        "The access log (as `json`) and the report of an exception show the same id, so that one "
        "is found by the other. With `all`, the application finds it in the environ, and the "
        "response has it in a header, unless the application has set that.",
    )
    request_id_header: str = setting(
        "X-Request-ID",
        HeaderName("HEADER", "the name of a header"),
        _LOGS,
        "The header in which a client, or a proxy, may send the id of its request. "
        "What it sends holds if it is one value of up to 128 letters, digits and "
        "`-._~:=+/@`; else an id is made.",
    )
    error_log: str | None = setting(
        None,
        LogPath("stderr"),
        _LOGS,
        "Where everything goes that would go to stderr, the application's own output there "
        "included: a file, or `-` for stderr. "
        "It is opened again at the signal USR1.",
    )


@cache
def declarations() -> tuple[Declaration, ...]:
    """The declaration of every setting, in the order of the fields."""
    return tuple(declaration_of(field) for field in dataclasses.fields(Settings))


def declaration_of(field: dataclasses.Field[Any], table: str = "") -> Declaration:
    """What a field declares."""
    metadata = dict(field.metadata)
    name = metadata.pop("name") or field.name
    return Declaration(
        field=field.name,
        name=name,
        flag="--" + name.replace("_", "-"),
        default=field.default,
        table=table,
        **metadata,
    )
