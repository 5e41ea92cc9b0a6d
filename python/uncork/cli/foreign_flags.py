"""Flags that people know from other servers, and what to type here instead.

Of gunicorn, waitress, granian, uvicorn and `flask run`, those only that uncork has under another
name, or is asked for so often that "no such flag" is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WORKERS = "write `--workers NUMBER`, or leave it out: there is one for each CPU"
_RELOAD = "changed code is for development: `flask run --debug`"
_ACCESS_LOG = "write `--access-log FILE`, or `--access-log -` for stdout"
_ERROR_LOG = "write `--error-log FILE`, or leave it out: errors go to stderr"
_WORKER_CLASS = "leave it out: threads are started as they are needed, up to `--threads`"
_PROXY = "there is none: put Werkzeug's `ProxyFix` around the app"
_PREFIX = "there is none: put Werkzeug's `ProxyFix` around the app, or let the proxy take it off"
_SERVICE = "there is none: it is for the service manager, such as systemd"
_TIMEOUT = (
    "there is no limit inside the app yet; `--graceful-timeout` is the one for running "
    "requests at the end"
)
_CERTIFICATE = "write `--cert FILE`"
_KEY = "write `--key FILE`"
_CONNECTIONS = "write `--max-connections NUMBER`"
_METRICS = "write `--admin HOST:PORT`, and have `/metrics` there scraped"
_UNIX = "write `--bind unix:PATH`"

_ANSWERS: Mapping[str, str] = {
    "--processes": _WORKERS,
    "-k": _WORKER_CLASS,
    "--worker-class": _WORKER_CLASS,
    "--with-threads": _WORKER_CLASS,
    "--without-threads": "write `--threads 1`",
    "--blocking-threads": "write `--threads NUMBER`, or leave it out",
    "--worker-connections": _CONNECTIONS,
    "--connection-limit": _CONNECTIONS,
    "--limit-concurrency": _CONNECTIONS,
    "--reload": _RELOAD,
    "--no-reload": "leave it out: changed code is not noticed",
    "--debugger": _RELOAD,
    "-c": "write `--config FILE`; it is a TOML file, and `gunicorn.conf.py` is not read",
    "--listen": "write `--bind HOST:PORT`",
    "--uds": _UNIX,
    "--unix-socket": _UNIX,
    "--unix-socket-perms": "write `--unix-mode MODE`",
    "--umask": "write `--unix-mode MODE` for a unix socket",
    "--certfile": _CERTIFICATE,
    "--ssl-certfile": _CERTIFICATE,
    "--ssl-certificate": _CERTIFICATE,
    "--keyfile": _KEY,
    "--ssl-keyfile": _KEY,
    "-t": _TIMEOUT,
    "--timeout": _TIMEOUT,
    "--timeout-keep-alive": "write `--keep-alive DURATION`",
    "--timeout-graceful-shutdown": "write `--graceful-timeout DURATION`",
    "--channel-timeout": "write `--keep-alive DURATION`",
    "--limit-request-line": "write `--max-target SIZE`",
    "--limit-request-field_size": "write `--max-head SIZE`, for the whole head",
    "--limit-request-fields": "write `--max-headers NUMBER`",
    "--max-request-header-size": "write `--max-head SIZE`",
    "--max-request-body-size": "write `--max-body SIZE`",
    "--access-logfile": _ACCESS_LOG,
    "--access-logformat": "write `--access-log-format combined` or `json`",
    "--error-logfile": _ERROR_LOG,
    "--log-file": _ERROR_LOG,
    "--log-level": "leave it out: `--verbose` says more",
    "--statsd-host": _METRICS,
    "--metrics": _METRICS,
    "--metrics-address": _METRICS,
    "--metrics-port": _METRICS,
    "--forwarded-allow-ips": _PROXY,
    "--proxy-headers": _PROXY,
    "--trusted-proxy": _PROXY,
    "--url-scheme": _PROXY,
    "--url-prefix": _PREFIX,
    "--root-path": _PREFIX,
    "--factory": "write `--call MODULE:FACTORY`",
    "--interface": "leave it out: uncork serves WSGI",
    "--wsgi-file": "name the file alone: `uncork serve FILE`",
    "--chdir": "start it in that folder",
    "--working-dir": "start it in that folder",
    "--pythonpath": "set the variable `PYTHONPATH`",
    "--env-file": "leave it out: `.env` and `.flaskenv` here or in a folder above are read",
    "--print-config": "write `--show-settings`",
    "-D": _SERVICE,
    "--daemon": _SERVICE,
    "--pid": _SERVICE,
    "-u": "write `--user USER`",
    "-g": "write `--group GROUP`",
}
_PORT_FLAGS = ("--port", "-p")


def answer_for(flag: str, words: Sequence[str]) -> str | None:
    """What to do instead of writing `flag`; `None` when it is no other server's.

    Args:
        flag: As it was typed, without a value.
        words: The whole command line, for the values of `--host` and `--port`.
    """
    if flag == "-p" and not _value_of(("-p",), words).isdigit():
        # `flask run` has the port there, gunicorn the file of the process id.
        return f"{_SERVICE}, and a port is written `--bind 127.0.0.1:PORT`"
    if flag == "--host" or flag in _PORT_FLAGS:
        host = _value_of(("--host",), words) or "127.0.0.1"
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        port = _value_of(_PORT_FLAGS, words)
        return f"write `--bind {host}:{port or '8000'}`"
    return _ANSWERS.get(flag)


def _value_of(flags: Sequence[str], words: Sequence[str]) -> str:
    """What stands behind one of the flags; empty when none of them is there."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        for flag in flags:
            if word == flag:
                return following
            if word.startswith(f"{flag}="):
                return word.removeprefix(f"{flag}=")
            if len(flag) == 2 and word.startswith(flag):
                return word.removeprefix(flag)
    return ""
