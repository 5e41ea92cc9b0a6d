"""The authority itself: made once, kept, and made anew when it is about to expire."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from pathlib import Path

from uncork import worker
from uncork.errors import EnvironmentProblem
from uncork.settings import data_folder
from uncork.supervisor.local_authority.private_folder import PrivateFolder, UnusableFolderError

DAY = 86400
# Clocks of virtual machines and containers may be behind.
BEFOREHAND = DAY
AUTHORITY_LIFETIME = 3650 * DAY
# Time to be told of it: what is signed is to hold for that long at least.
LEFT_AT_LEAST = 30 * DAY

_PAIR = "authority.pem"
# The ending is what `update-ca-certificates` wants.
_CERTIFICATE = "authority.crt"
_BEGIN = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Authority:
    """What certificates are signed with.

    Attributes:
        certificate: What others are to believe, PEM.
        key: Its private key, PEM.
        expires: When, in seconds since 1970.
        folder: Where it is kept; `None`: it is this process's own, and goes with it.
        is_new: Nobody can believe it so far.
    """

    certificate: bytes
    key: bytes
    expires: int
    folder: PrivateFolder | None
    is_new: bool = field(default=False, compare=False)

    @property
    def path(self) -> Path | None:
        """The file with the certificate alone."""
        return self.folder.path / _CERTIFICATE if self.folder else None


def domains_of() -> list[str]:
    """The domains that each local authority is believed for."""
    return worker.local_domains()


def kept_authority() -> Authority:
    """The authority of this user, made now if there is none.

    Raises:
        UnusableFolderError: There is none, and none can be kept.
        EnvironmentProblem: What is kept is no authority.
    """
    parent = data_folder()
    if parent is None:
        raise UnusableFolderError("neither `HOME` nor `XDG_DATA_HOME` names a folder")
    folder = PrivateFolder(parent / "authority")
    with folder.locked():
        found = _kept(folder)
    if found is not None:
        return found
    folder.make()
    with folder.locked():
        return _kept(folder) or _made(folder)


@functools.cache
def temporary_authority() -> Authority:
    """An authority that nobody else has, for as long as this process lives."""
    return _new(None)


def _kept(folder: PrivateFolder) -> Authority | None:
    """What is kept; `None`: nothing, or nothing that holds for long enough."""
    pair = folder.read(_PAIR)
    if pair is None:
        return None
    key, begin, certificate = pair.partition(_BEGIN)
    certificate = begin + certificate
    expires = _expiry(certificate)
    if expires is None or worker.check_identity(certificate, key) is not None:
        raise EnvironmentProblem(
            f"the local authority in `{folder.path}` is damaged",
            cause=f"`{_PAIR}` holds no certificate of an authority with its key",
            hints=("remove that folder: a new one is made then, to be trusted anew",),
        )
    if expires - time.time() < LEFT_AT_LEAST:
        return None
    if folder.read(_CERTIFICATE) != certificate:
        folder.write(_CERTIFICATE, certificate, mode=0o644)
    return Authority(certificate, key, expires, folder)


def _made(folder: PrivateFolder) -> Authority:
    made = _new(folder)
    # One file for both, so that there is never the one without the other.
    folder.write(_PAIR, made.key + made.certificate)
    folder.write(_CERTIFICATE, made.certificate, mode=0o644)
    return made


def _new(folder: PrivateFolder | None) -> Authority:
    now = int(time.time())
    expires = now + AUTHORITY_LIFETIME
    certificate, key = worker.make_authority(now - BEFOREHAND, expires)
    return Authority(certificate, key, expires, folder, is_new=True)


def _expiry(certificate: bytes) -> int | None:
    """When an authority's certificate expires; `None`: it is none."""
    import ssl  # noqa: PLC0415 (only where there is a local authority)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=certificate.decode("ascii", "replace"))
        # It lists those of authorities only.
        (found,) = context.get_ca_certs()
        return int(ssl.cert_time_to_seconds(str(found["notAfter"])))
    except (ssl.SSLError, ValueError):
        return None
