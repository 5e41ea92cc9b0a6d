"""One address to listen on, as text and as a value.

Only the text is judged here: whether a host name resolves or a port is free is found out
by whoever binds. Text that two tools read differently (`:8000`, `8000`) is refused.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Literal

from uncork.settings.bad_value import BadValueError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000

# `sun_path` of sockaddr_un, less its closing NUL: unix(7) on Linux, unix(4) on macOS.
MAX_UNIX_PATH_BYTES = 107 if sys.platform == "linux" else 103

_FORMS = "write `host:port`, `[ipv6]:port`, `unix:/path` or `fd://N`"
# systemd.socket(5), `FileDescriptorName=`, less what would not stand in a list of addresses.
_LISTENER_NAME = re.compile(r"(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}")
_PORT = re.compile(r"0|[1-9][0-9]{0,5}")
_IPV4_LIKE = re.compile(r"[0-9.]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?")


@dataclass(frozen=True)
class Bind:
    """An address to listen on; only the fields of its kind mean anything.

    Attributes:
        kind: Which of the three forms it is.
        host: For `tcp`: a name, an IPv4 address, or an IPv6 address without brackets.
        port: For `tcp`: 0 means that the system chooses a free one.
        path: For `unix`: where the socket's file is to be.
        descriptor: For `fd`: the number of an inherited descriptor; -1 when it has a name.
        name: For `fd`: the name of one or more that a service manager hands over.
    """

    kind: Literal["tcp", "unix", "fd"]
    host: str = ""
    port: int = 0
    path: str = ""
    descriptor: int = -1
    name: str = ""

    @property
    def text(self) -> str:
        """The address as `--bind` takes it."""
        if self.kind == "unix":
            return f"unix:{self.path}"
        if self.kind == "fd":
            return f"fd://{self.name or self.descriptor}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


DEFAULT_BIND = Bind("tcp", host=DEFAULT_HOST, port=DEFAULT_PORT)


def parse_bind(text: str) -> Bind:
    """The address that `text` names.

    Raises:
        BadValueError: It is none of `host:port`, `[ipv6]:port`, `unix:/path`, `fd://N`.
    """
    if text.startswith("unix:"):
        return Bind("unix", path=_unix_path(text.removeprefix("unix:")))
    if text.startswith("fd:"):
        return _descriptor(text)
    _refuse_known_mistakes(text)
    host, _, port = text.rpartition(":")
    return Bind("tcp", host=_host(host), port=_port(port))


def _port(text: str) -> int:
    if _PORT.fullmatch(text) and int(text) <= 65535:
        return int(text)
    raise BadValueError(
        f"`{text}` is not a port number",
        "a port is a whole number from 1 to 65535, or 0 for any free one",
    )


def _refuse_known_mistakes(text: str) -> None:
    if "://" in text:
        raise BadValueError(
            "an address to listen on has no scheme",
            f"write `{_without_scheme(text)}`; TLS is switched on with `--cert` and `--key`",
        )
    if "," in text:
        raise BadValueError("it has a comma in it", "give one address each: repeat `--bind`")
    if _PORT.fullmatch(text):
        raise BadValueError(
            "a port alone does not say who may connect",
            f"write `127.0.0.1:{text}` for this machine only, or `0.0.0.0:{text}` for everybody",
        )
    host, colon, port = text.rpartition(":")
    if not colon:
        raise BadValueError("there is no port in it", _FORMS)
    if host in ("", "*"):
        raise BadValueError(
            "it does not say on which addresses",
            f"write `127.0.0.1:{port}` for this machine only, `0.0.0.0:{port}` for every IPv4 "
            f"address, or `[::]:{port}` for every IPv6 address",
        )
    if ":" in host and not host.startswith("["):
        whole = _is_ipv6(text)
        example = f"[{text}]:{DEFAULT_PORT}" if whole else f"[{host}]:{port}"
        is_sure = whole or _is_ipv6(host)
        raise BadValueError(
            "an IPv6 address stands in brackets, and a port behind it",
            f"write `{example}`" if is_sure else _FORMS,
        )


def _without_scheme(text: str) -> str:
    rest = text.partition("://")[2].split("/", 1)[0] or DEFAULT_HOST
    return rest if re.search(r":[0-9]+$", rest) else f"{rest}:{DEFAULT_PORT}"


def _host(text: str) -> str:
    if text.startswith("["):
        return _ipv6(text)
    if _IPV4_LIKE.fullmatch(text):
        return _ipv4(text)
    if len(text) <= 253 and ".." not in text and _HOST_NAME.fullmatch(text):
        return text
    raise BadValueError(f"`{text}` is not an address or a host name", _FORMS)


def _ipv4(text: str) -> str:
    # Deliberately not: inet_aton's short forms. `127.1` and `010.0.0.1` mean different
    # addresses to different programs.
    parts = text.split(".")
    if len(parts) == 4 and all(_PORT.fullmatch(part) and int(part) <= 255 for part in parts):
        return text
    raise BadValueError(
        f"`{text}` is not an IPv4 address", "write four numbers from 0 to 255: `127.0.0.1:8000`"
    )


def _ipv6(text: str) -> str:
    address = text.removeprefix("[").removesuffix("]")
    if text.endswith("]") and _is_ipv6(address):
        return address
    raise BadValueError(
        f"`{text}` is not an IPv6 address in brackets", "write it as in `[::1]:8000`"
    )


def _is_ipv6(text: str) -> bool:
    import ipaddress  # noqa: PLC0415 (a few milliseconds that few need)

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _unix_path(path: str) -> str:
    if path.startswith("//") and not path.startswith("///"):
        # Two slashes: to some servers `unix://run/x` is relative, to others it is not.
        raise BadValueError(
            "with two slashes it is not clear where the path begins",
            f"write `unix:{path[1:]}` for an absolute path or `unix:{path[2:]}` for a relative one",
        )
    if path.startswith("@"):
        raise BadValueError("abstract sockets are not supported", "write `unix:/path/to/socket`")
    if not path or path.endswith("/") or "\0" in path:
        raise BadValueError("it does not name a file", "write `unix:/path/to/socket`")
    normal = "/" + path.lstrip("/") if path.startswith("/") else path
    size = len(os.fsencode(normal))
    if size > MAX_UNIX_PATH_BYTES:
        raise BadValueError(
            f"the path has {size} bytes, and the system takes {MAX_UNIX_PATH_BYTES}",
            "choose a shorter path, such as one in `/run`",
        )
    return normal


def _descriptor(text: str) -> Bind:
    number = text.removeprefix("fd://")
    if re.fullmatch(r"0|[1-9][0-9]{0,6}", number):
        return Bind("fd", descriptor=int(number))
    if text.startswith("fd://") and _LISTENER_NAME.fullmatch(number):
        return Bind("fd", name=number)
    raise BadValueError(
        "it does not name an inherited descriptor by its number", "write it as in `fd://3`"
    )
