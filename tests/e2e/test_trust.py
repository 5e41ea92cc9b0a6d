"""`uncork trust`, and whether those who believe its authority take what it has signed."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.certificates import run_openssl
from tests.support.live_server import LiveServer, run_uncork
from tests.support.raw_client import RawClient

pytestmark = pytest.mark.slow

APP = """\
from flask import Flask, request
app = Flask(__name__)
@app.get("/")
def home():
    return request.scheme
"""
# As the supervisor of a development server asks for it.
ASKS = """\
import sys
from pathlib import Path
from uncork.supervisor.local_authority import local_certificate
certificate, key = local_certificate(sys.argv[1])
Path("both.pem").write_bytes(key + certificate)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def trust(folder: Path, *flags: str) -> str:
    env = {"XDG_DATA_HOME": str(folder / "data")}
    finished = run_uncork("trust", *flags, directory=folder, env=env)
    assert (finished.exit_code, finished.stderr) == (0, "")
    return finished.stdout


def sign(folder: Path, host: str) -> Path:
    env = {"XDG_DATA_HOME": str(folder / "data"), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", ASKS, host], cwd=folder, env=env, check=True)
    return folder / "both.pem"


def strict_context(authority: Path) -> ssl.SSLContext:
    """What believes the authority only, and is as strict as Python 3.13 by default."""
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_who_believes_the_authority_takes_what_it_signs_across_restarts(folder: Path) -> None:
    authority = Path(trust(folder, "--path").strip())
    seen = set()
    for _ in range(2):
        both = sign(folder, "shop.localhost")
        flags = (f"--cert={both}", f"--key={both}")
        with LiveServer("hello:app", *flags, directory=folder, is_tls=True) as server:
            for name in ("shop.localhost", "a.shop.localhost", "localhost", "127.0.0.1", "::1"):
                context = strict_context(authority)
                wrapped = context.wrap_socket(server.connect(), server_hostname=name)
                with RawClient(wrapped) as client:
                    assert client.get("/").body == b"https"
            with pytest.raises(ssl.SSLCertVerificationError, match="other"):
                strict_context(authority).wrap_socket(
                    server.connect(), server_hostname="other.test"
                )
            seen.add(ssl.get_server_certificate(server.addresses[0]))
    assert len(seen) == 1


def test_openssl_is_content_with_both(folder: Path) -> None:
    authority = Path(trust(folder, "--path").strip())
    both = sign(folder, "127.0.0.1")
    strict = ("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", authority)
    run_openssl(*strict, "-verify_ip", "127.0.0.1", both)
    run_openssl(*strict, "-verify_hostname", "localhost", both)


def test_all_who_come_at_once_are_told_the_same(folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: trust(folder, "--json"), range(4)))
    assert len(set(told)) == 1
    facts = json.loads(told[0])
    printed = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", facts["certificate"]],
        check=True,
        capture_output=True,
        text=True,
    )
    fingerprint = printed.stdout.strip().partition("=")[2]
    assert fingerprint.replace(":", "").lower() == facts["sha256"]
    assert fingerprint in trust(folder)


def test_it_says_what_to_run_and_how_to_take_it_back(folder: Path) -> None:
    told = trust(folder)
    path = trust(folder, "--path").strip()
    for part in ("certutil -d", f"curl --cacert {path}", f"SSL_CERT_FILE={path}", "take it back"):
        assert part in told
    assert sorted(json.loads(trust(folder, "--json"))) == [
        "believed_for",
        "certificate",
        "expires",
        "sha256",
        "ways",
    ]


def test_without_a_place_for_it_there_is_none_to_trust(folder: Path) -> None:
    (folder / "file").touch()
    env = {"XDG_DATA_HOME": str(folder / "file")}
    finished = run_uncork("trust", directory=folder, env=env)
    assert finished.exit_code == 4
    assert finished.stderr.splitlines()[0] == (
        "error: there is no place to keep a local authority in"
    )
    assert "XDG_DATA_HOME" in finished.stderr


def test_path_and_json_are_two_answers(folder: Path) -> None:
    finished = run_uncork("trust", "--path", "--json", directory=folder)
    assert finished.exit_code == 2
