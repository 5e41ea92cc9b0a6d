"""The certificate and key to serve with, read as bytes; the native core parses them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uncork import worker
from uncork.errors import EnvironmentProblem, UsageError

ADHOC = "adhoc"
LOCAL = "local"


@dataclass(frozen=True)
class Identity:
    """A certificate chain and its private key, both PEM."""

    certificate: bytes
    key: bytes


def load_identity(certificate: str | None, key: str | None, *, host: str) -> Identity | None:
    """The identity to serve with; `None` serves without TLS.

    Args:
        certificate: A path; `adhoc` for a self-signed certificate made now, or `local` for one of
            the local authority's.
        key: A path.
        host: What a certificate that is made is for.

    Raises:
        UsageError: One of the two is missing, or they can't be served with.
        EnvironmentProblem: A file can't be read.
    """
    if certificate is None and key is None:
        return None
    if certificate == ADHOC:
        return Identity(*worker.self_signed_certificate(host))
    if certificate == LOCAL:
        # Only for development, and `ssl` with it.
        from uncork.supervisor.local_authority import local_certificate  # noqa: PLC0415

        return Identity(*local_certificate(host))
    if certificate is None or key is None:
        given, missing = ("key", "cert") if certificate is None else ("cert", "key")
        raise UsageError(
            f"TLS needs both a certificate and its key, and only `{given}` is set",
            hints=(f"set `{missing}` too: `--{missing} FILE`",),
        )
    identity = Identity(_read("certificate", certificate), _read("key", key))
    problem = worker.check_identity(identity.certificate, identity.key)
    if problem is not None:
        raise UsageError(
            f"could not use the certificate `{certificate}` with the key `{key}`",
            cause=problem,
            hints=("both must be PEM files, and the key must have no password",),
        )
    return identity


def _read(what: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise EnvironmentProblem(
            f"could not read the {what} `{path}`",
            cause=(error.strerror or str(error)).lower(),
            hints=("check the path, and that the user that runs uncork may read it",),
        ) from None
