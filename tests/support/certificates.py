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
    """A self-signed certificate for `localhost` and 127.0.0.1, and its key, both PEM."""

    certificate: Path
    key: Path


def make_certificate(
    folder: Path, name: str = "own", *, kind: Literal["ec", "rsa", "ed25519"] = "ec"
) -> CertificateFiles:
    """Writes `NAME.pem` and `NAME.key` into the folder."""
    made = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    subprocess.run(
        [
            *(components.program("openssl"), "req", "-x509", "-nodes", *_KINDS[kind]),
            *("-keyout", made.key, "-out", made.certificate, "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return made
