from __future__ import annotations

from pathlib import Path

import pytest

from uncork import worker
from uncork.errors import EnvironmentProblem, UsageError
from uncork.supervisor.certificates import Identity, load_identity


def test_without_a_certificate_there_is_no_tls() -> None:
    assert load_identity(None, None, host="localhost") is None


def test_both_files_are_read(tmp_path: Path) -> None:
    certificate, key = worker.self_signed_certificate("localhost")
    (tmp_path / "c").write_bytes(certificate)
    (tmp_path / "k").write_bytes(key)
    found = load_identity(str(tmp_path / "c"), str(tmp_path / "k"), host="localhost")
    assert found == Identity(certificate, key)


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
