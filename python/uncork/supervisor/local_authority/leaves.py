"""Certificates that the local authority has signed, one for each set of names, kept beside it."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import socket
import time
from contextlib import suppress

from uncork import console, worker
from uncork.errors import UsageError
from uncork.supervisor.local_addresses import local_addresses
from uncork.supervisor.local_authority.authority import (
    BEFOREHAND,
    DAY,
    LEFT_AT_LEAST,
    Authority,
    kept_authority,
    temporary_authority,
)
from uncork.supervisor.local_authority.private_folder import PrivateFolder, UnusableFolderError

# Browsers take 398 days at the most, the day before its issue included.
LIFETIME = 397 * DAY
_ALWAYS = ("localhost", "127.0.0.1", "::1")
_PREFIX = "leaf-"
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def local_certificate(host: str) -> tuple[bytes, bytes]:
    """A certificate for a host and for this machine itself, and its key, both PEM.

    The same one as before, while it holds for another month. Tells when there is no authority
    that others could believe.

    Raises:
        UsageError: The authority does not sign for that host.
        EnvironmentProblem: What is kept of the authority is damaged.
    """
    names = _names(host)
    try:
        authority = kept_authority()
    except UnusableFolderError as problem:
        return temporary_certificate(tuple(names), str(problem))
    assert authority.folder is not None
    if authority.is_new:
        console.note(
            "there is a new authority for certificates of this machine, which nothing believes yet",
            "`uncork trust` says how to make this system and its browsers believe it",
        )
    with authority.folder.locked():
        return _kept(authority, authority.folder, names)


@functools.cache
def temporary_certificate(names: tuple[str, ...], problem: str) -> tuple[bytes, bytes]:
    """One that this process alone has, until it ends."""
    console.warn(
        f"this server's certificate is of an authority that goes with it: {problem}",
        "set `XDG_DATA_HOME` to a folder that lasts, so that browsers can be told to trust it",
    )
    return _issued(temporary_authority(), list(names))


def check_host(host: str) -> None:
    """Returns if there can be a certificate for a host.

    Raises:
        UsageError: The authority does not sign for it.
    """
    _names(host)


def _kept(authority: Authority, folder: PrivateFolder, names: list[str]) -> tuple[bytes, bytes]:
    named = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    name = f"{_PREFIX}{named}.pem"
    now = int(time.time())
    with suppress(UnusableFolderError):
        key, begin, certificate = (folder.read(name) or b"").partition(_BEGIN)
        pair = begin + certificate, key
        over = (now, now + LEFT_AT_LEAST)
        if worker.check_issued(pair, authority.certificate, names, over) is None:
            return pair
    pair = _issued(authority, names)
    with suppress(UnusableFolderError):  # then it is made anew the next time
        folder.write(name, pair[1] + pair[0])
        _forget_old(folder, now)
    return pair


def _issued(authority: Authority, names: list[str]) -> tuple[bytes, bytes]:
    now = int(time.time())
    until = min(now + LIFETIME, authority.expires)
    return worker.issue(authority.key, names, (now - BEFOREHAND, until))


def _forget_old(folder: PrivateFolder, now: int) -> None:
    """Keeps none that has expired, such as those of projects that are gone."""
    for path in folder.path.glob(f"{_PREFIX}*.pem"):
        with suppress(OSError):
            if path.stat().st_mtime < now - LIFETIME:
                path.unlink()


def _names(host: str) -> list[str]:
    """What a certificate for a host is for.

    Deliberately not: `*.localhost`. Most clients believe a star only in front of two labels.
    """
    host = host.lower().removesuffix(".")
    if not host:  # a unix socket has none
        return list(_ALWAYS)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is not None and address.is_unspecified:
        return list(dict.fromkeys([*_ALWAYS, *_names_in_the_network()]))
    if not worker.may_sign_for(host):
        raise _refusal(host)
    below = [f"*.{host}"] if address is None and "." in host else []
    return list(dict.fromkeys([host, *below, *_ALWAYS]))


def _names_in_the_network() -> list[str]:
    """What other machines may call this one."""
    name = socket.gethostname().lower()
    name = name if "." in name else f"{name}.local"
    return [each for each in (name, *local_addresses()) if worker.may_sign_for(each)]


def _refusal(host: str) -> UsageError:
    domains = ", ".join(f"`{domain}`" for domain in worker.local_domains())
    return UsageError(
        f"the local authority signs no certificate for `{host}`",
        cause="it is believed only for names that stay on this machine or its network: those in "
        f"{domains}, and private addresses",
        hints=(
            "listen on such a name, as in `--host shop.localhost`, or name a certificate of your "
            "own with `--cert` and `--key`",
        ),
    )
