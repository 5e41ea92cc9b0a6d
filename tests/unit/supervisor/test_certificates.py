from __future__ import annotations

from pathlib import Path

import pytest

from uncork import worker
from uncork.errors import EnvironmentProblem, UsageError
from uncork.supervisor.certificates import Identity, load_identity

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\n"
KEY = b"-----BEGIN EC PRIVATE KEY-----\n"


def test_without_a_certificate_there_is_no_tls() -> None:
    assert load_identity(None, None, host="localhost") is None


def test_both_files_are_read(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c", tmp_path / "k"
    certificate.write_bytes(CERTIFICATE)
    key.write_bytes(KEY)
    found = load_identity(str(certificate), str(key), host="localhost")
    files = f"the certificate `{certificate}` and the key `{key}`"
    assert found == Identity(CERTIFICATE, KEY, files)


def test_adhoc_is_made_for_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "self_signed_certificate", lambda host: (host.encode(), b"key"))
    assert load_identity("adhoc", None, host="here") == Identity(b"here", b"key")


@pytest.mark.parametrize(("certificate", "key"), [("c", None), (None, "k")])
def test_one_without_the_other_is_a_wrong_setting(certificate: str, key: str) -> None:
    with pytest.raises(UsageError):
        load_identity(certificate, key, host="localhost")


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=f"could not read the certificate `{tmp_path}`"):
        load_identity(str(tmp_path), str(tmp_path), host="localhost")


@pytest.mark.parametrize(
    ("certificate", "key", "what", "cause"),
    [
        (b"", KEY, "there is no certificate in `c`", "no line of it is"),
        (KEY, KEY, "there is no certificate in `c`", "it is a private key"),
        (CERTIFICATE, b"", "there is no private key in `k`", "no line of it is"),
        (CERTIFICATE, CERTIFICATE, "there is no private key in `k`", "it is a certificate"),
        (
            CERTIFICATE,
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
            "the key `k` is encrypted",
            "there is nobody to ask",
        ),
        (
            CERTIFICATE,
            KEY + b"Proc-Type: 4,ENCRYPTED",
            "the key `k` is encrypted",
            "there is nobody to ask",
        ),
    ],
)
def test_a_file_that_holds_something_else_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    certificate: bytes,
    key: bytes,
    what: str,
    cause: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c").write_bytes(certificate)
    Path("k").write_bytes(key)
    with pytest.raises(UsageError) as caught:
        load_identity("c", "k", host="localhost")
    assert caught.value.what == what
    assert (caught.value.cause or "").startswith(cause)


def test_certificate_and_key_may_be_one_file(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(KEY + CERTIFICATE)
    found = load_identity(str(both), str(both), host="localhost")
    assert found is not None
