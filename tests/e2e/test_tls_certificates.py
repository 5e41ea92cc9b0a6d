"""Which certificates and keys are served with, from where, and what is said of the others."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

import pytest

from tests.support.certificates import CertificateFiles, make_certificate, run_openssl
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def assert_serves(server: LiveServer, root: Path | str, *, name: str = "localhost") -> None:
    """Fails unless a peer that believes `root` only, a file or its text, is answered."""
    context = ssl.create_default_context(
        cafile=root if isinstance(root, Path) else None,
        cadata=root if isinstance(root, str) else None,
    )
    wrapped = context.wrap_socket(server.connect(), server_hostname=name)
    with RawClient(wrapped) as client:
        assert client.get("/").body == b"https"


def assert_serves_with(folder: Path, certificate: Path, key: Path, root: Path) -> None:
    flags = (f"--cert={certificate}", f"--key={key}")
    with LiveServer("hello:app", *flags, directory=folder, is_tls=True) as server:
        assert_serves(server, root)


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_every_usual_kind_of_key_is_served_with(
    folder: Path, kind: Literal["ec", "rsa", "ed25519"]
) -> None:
    made = make_certificate(folder, kind=kind)
    assert_serves_with(folder, made.certificate, made.key, made.certificate)


@pytest.mark.parametrize(("kind", "tool"), [("ec", "ec"), ("rsa", "rsa")])
def test_a_key_in_its_older_format_is_served_with(
    folder: Path, kind: Literal["ec", "rsa"], tool: str
) -> None:
    made = make_certificate(folder, kind=kind)
    older = folder / "older.key"
    run_openssl("pkey", "-traditional", "-in", made.key, "-out", older)
    assert f"BEGIN {tool.upper()} PRIVATE KEY" in older.read_text()
    assert_serves_with(folder, made.certificate, older, made.certificate)


def test_certificate_and_key_in_one_file_are_served_with(folder: Path) -> None:
    made = make_certificate(folder)
    both = folder / "both.pem"
    both.write_text(made.key.read_text() + made.certificate.read_text())
    assert_serves_with(folder, both, both, made.certificate)


def test_the_chain_behind_the_certificate_is_sent(folder: Path) -> None:
    """A browser knows the root only, and no certificate in between."""
    root = make_certificate(folder, "root")
    between = make_certificate(folder, "between", issuer=root)
    leaf = make_certificate(folder, "leaf", issuer=between)
    chain = folder / "chain.pem"
    chain.write_text(leaf.certificate.read_text() + between.certificate.read_text())
    assert_serves_with(folder, chain, leaf.key, root.certificate)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_adhoc_is_for_this_machine(folder: Path, name: str) -> None:
    with LiveServer("hello:app", "--cert=adhoc", directory=folder, is_tls=True) as server:
        assert_serves(server, ssl.get_server_certificate(server.addresses[0]), name=name)


def test_adhoc_is_another_one_at_each_start(folder: Path) -> None:
    seen = set()
    for _ in range(2):
        with LiveServer("hello:app", "--cert=adhoc", directory=folder, is_tls=True) as server:
            seen.add(ssl.get_server_certificate(server.addresses[0]))
    assert len(seen) == 2


def damage(made: CertificateFiles, other: CertificateFiles) -> dict[str, tuple[Path, Path]]:
    """Certificates and keys that can't be served with."""
    folder = made.key.parent
    text, broken = folder / "text.pem", folder / "broken.pem"
    text.write_text("no certificate, and no key either\n")
    # Good base64, and no certificate: a DER sequence does not begin with three zeros.
    first, second, *rest = made.certificate.read_text().splitlines(keepends=True)
    broken.write_text("".join([first, "AAAA" + second[4:], *rest]))
    locked = folder / "locked.key"
    run_openssl("pkey", "-in", made.key, "-aes256", "-passout", "pass:x", "-out", locked)
    return {
        "the key is not that of the certificate": (made.certificate, other.key),
        "the certificate file holds no PEM certificate": (text, made.key),
        "the key file holds no unencrypted PEM private key": (made.certificate, text),
        "holds no unencrypted PEM": (made.certificate, locked),
        "holds no PEM certificate": (made.key, made.certificate),
        "can't be used": (broken, made.key),
    }


def test_what_can_not_be_served_with_is_a_wrong_setting_and_says_why(folder: Path) -> None:
    made, other = make_certificate(folder), make_certificate(folder, "other")
    for reason, (certificate, key) in damage(made, other).items():
        finished = run_uncork(
            *("serve", "hello:app", "--bind=127.0.0.1:0"),
            *(f"--cert={certificate}", f"--key={key}"),
            directory=folder,
        )
        lines = finished.stderr.splitlines()
        expected = f"could not use the certificate `{certificate}` with the key `{key}`"
        assert (finished.exit_code, lines[0]) == (2, f"error: {expected}")
        assert lines[1].startswith("cause: ")
        assert reason in lines[1]
        assert lines[2:] == ["hint: both must be PEM files, and the key must have no password"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--cert=no.pem", "--key=own.key"), "`no.pem`"),
        (("--cert=own.pem", "--key=no.key"), "`no.key`"),
        (("--cert=own.pem",), "no key"),
        (("--key=own.key",), "no certificate"),
        (("--cert=adhoc", "--key=own.key"), "`adhoc`"),
    ],
)
def test_what_is_not_there_is_a_wrong_setting(
    folder: Path, flags: tuple[str, ...], expected: str
) -> None:
    make_certificate(folder)
    finished = run_uncork("serve", "hello:app", *flags, directory=folder)
    assert finished.exit_code == 2
    assert expected in finished.stderr


TAKEN_OVER = {
    "files": "app.run(ssl_context=('own.pem', 'own.key'))",
    "context": "import ssl\n"
    "    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "    context.load_cert_chain('own.pem', 'own.key')\n"
    "    app.run(ssl_context=context)",
    "run_simple": "from werkzeug.serving import run_simple\n"
    "    run_simple('127.0.0.1', 0, app, ssl_context=('own.pem', 'own.key'))",
}


def as_script(run_call: str) -> str:
    return f"{APP}\nif __name__ == '__main__':\n    {run_call}\n"


@pytest.mark.parametrize("load_as", ["auto", "script"])
@pytest.mark.parametrize("run_call", TAKEN_OVER.values(), ids=TAKEN_OVER.keys())
def test_a_script_s_own_certificate_is_taken(folder: Path, run_call: str, load_as: str) -> None:
    made = make_certificate(folder)
    (folder / "script.py").write_text(as_script(run_call))
    arguments = ("script.py", f"--as={load_as}")
    with LiveServer(*arguments, directory=folder, is_tls=True) as server:
        assert_serves(server, made.certificate)
        assert server.announced_urls == [server.url]


def test_adhoc_in_a_script_is_taken(folder: Path) -> None:
    (folder / "script.py").write_text(as_script("app.run(ssl_context='adhoc')"))
    with LiveServer("script.py", directory=folder, is_tls=True) as server:
        assert_serves(server, ssl.get_server_certificate(server.addresses[0]))


def test_a_certificate_that_is_set_comes_before_that_of_the_script(folder: Path) -> None:
    make_certificate(folder)
    other = make_certificate(folder, "other")
    (folder / "script.py").write_text(as_script(TAKEN_OVER["context"]))
    flags = (f"--cert={other.certificate}", f"--key={other.key}")
    with LiveServer("script.py", *flags, directory=folder, is_tls=True) as server:
        assert_serves(server, other.certificate)
