"""The certificate and key to serve with, read as bytes; the native core parses them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uncork import worker
from uncork.errors import EnvironmentProblem, UsageError

ADHOC = "adhoc"
# Only looked for, so as to name the file; what is between the marks, the native core reads.
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"  # of any kind: `EC PRIVATE KEY`, `RSA PRIVATE KEY`
_ENCRYPTED = (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED")  # RFC 1421
_NOT_PEM = "no line of it is `-----BEGIN {}-----`, as in a PEM file"


@dataclass(frozen=True)
class Identity:
    """A certificate chain and its private key, both PEM.

    Attributes:
        files: Where they are from, for messages.
    """

    certificate: bytes
    key: bytes
    files: str = f"`{ADHOC}`"


def load_identity(certificate: str | None, key: str | None, *, host: str) -> Identity | None:
    """The identity to serve with; `None` serves without TLS.

    Args:
        certificate: A path, or `adhoc` for a self-signed certificate made now.
        key: A path.
        host: What a self-signed certificate is for.

    Raises:
        UsageError: One of the two is missing, or is something else.
        EnvironmentProblem: A file can't be read.
    """
    if certificate is None and key is None:
        return None
    if certificate == ADHOC:
        return Identity(*worker.self_signed_certificate(host))
    if certificate is None or key is None:
        given, missing = ("key", "cert") if certificate is None else ("cert", "key")
        raise UsageError(
            f"TLS needs both a certificate and its key, and only `{given}` is set",
            hints=(f"set `{missing}` too: `--{missing} FILE`",),
        )
    read_certificate, read_key = _read("certificate", certificate), _read("key", key)
    _refuse_other_than_certificate(certificate, read_certificate)
    _refuse_other_than_key(key, read_key)
    files = f"the certificate `{certificate}` and the key `{key}`"
    return Identity(read_certificate, read_key, files)


def unusable(identity: Identity, error: UsageError) -> UsageError:
    """The error of a worker that could not be set up, with the names of the files."""
    return UsageError(
        f"could not serve with {identity.files}",
        cause=error.what.partition(": ")[2],
        hints=("check that the two were made together, and that neither is damaged",),
    )


def _refuse_other_than_certificate(path: str, content: bytes) -> None:
    if _CERTIFICATE in content:
        return
    raise UsageError(
        f"there is no certificate in `{path}`",
        cause="it is a private key" if _KEY in content else _NOT_PEM.format("CERTIFICATE"),
        hints=("name the file of the certificate chain, which is often called `fullchain.pem`",),
    )


def _refuse_other_than_key(path: str, content: bytes) -> None:
    if any(mark in content for mark in _ENCRYPTED):
        raise UsageError(
            f"the key `{path}` is encrypted",
            cause="there is nobody to ask for its passphrase",
            hints=(f"take it off: `openssl pkey -in {path} -out plain.pem`",),
        )
    if _KEY in content:
        return
    raise UsageError(
        f"there is no private key in `{path}`",
        cause="it is a certificate" if _CERTIFICATE in content else _NOT_PEM.format("PRIVATE KEY"),
        hints=("name the file of the private key, which is often called `privkey.pem`",),
    )


def _read(what: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise EnvironmentProblem(
            f"could not read the {what} `{path}`",
            cause=(error.strerror or str(error)).lower(),
            hints=("check the path, and that the user that runs uncork may read it",),
        ) from None
