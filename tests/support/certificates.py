"""Certificates for tests, made by openssl, as their owners make them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support import components

_KINDS = {
    "ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa": ("-newkey", "rsa:2048"),
    "ed25519": ("-newkey", "ed25519"),
}


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate for `localhost` and 127.0.0.1, and its key, both PEM."""

    certificate: Path
    key: Path


def make_certificate(
    folder: Path,
    name: str = "own",
    *,
    kind: Literal["ec", "rsa", "ed25519"] = "ec",
    issuer: CertificateFiles | None = None,
) -> CertificateFiles:
    """Writes `NAME.pem`, signed by itself or by the issuer, and `NAME.key` into the folder."""
    made = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    signed = ("-CA", issuer.certificate, "-CAkey", issuer.key) if issuer else ()
    run_openssl(
        *("req", "-x509", "-nodes", *_KINDS[kind], *signed, "-days", "2"),
        *("-keyout", made.key, "-out", made.certificate, "-subj", f"/CN={name}"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        # `req -x509` makes every certificate one of an authority, and such a one has to say what
        # for (RFC 5280 §4.2.1.3); Python 3.13 insists.
        *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
    )
    return made


def run_openssl(*arguments: str | Path) -> None:
    """Runs openssl, which must succeed."""
    subprocess.run([components.program("openssl"), *arguments], check=True, capture_output=True)
