"""What is kept of the local authority, from one start to the next and between servers."""

from __future__ import annotations

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from uncork import worker
from uncork.errors import EnvironmentProblem, UsageError
from uncork.supervisor import certificates
from uncork.supervisor.local_authority import (
    UnusableFolderError,
    authority,
    kept_authority,
    leaves,
    local_certificate,
)

DAY = 86400


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    authority.temporary_authority.cache_clear()
    leaves.temporary_certificate.cache_clear()
    return tmp_path / ".local" / "share" / "uncork" / "authority"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch):
    now = time.time()

    def set_days(days: int) -> None:
        monkeypatch.setattr(time, "time", lambda: now + days * DAY)

    return set_days


def test_it_is_made_once_and_its_key_is_nobody_elses(home: Path) -> None:
    assert kept_authority() == kept_authority()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.iterdir())}
    assert modes == {"authority": 0o700, ".lock": 0o600, "authority.pem": 0o600} | {
        "authority.crt": 0o644
    }
    assert b"PRIVATE" not in (home / "authority.crt").read_bytes()


def test_all_who_come_at_once_get_the_same(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: local_certificate("localhost"), range(16)))
    assert len(set(made)) == 1
    assert len(list(home.glob("leaf-*.pem"))) == 1


def test_each_set_of_names_has_a_certificate_that_is_kept(home: Path) -> None:
    shop, blog = local_certificate("shop.localhost"), local_certificate("blog.localhost")
    assert shop != blog
    assert (local_certificate("Shop.localhost."), local_certificate("blog.localhost")) == (
        shop,
        blog,
    )
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in home.glob("leaf-*"))


@pytest.mark.parametrize("host", ["shop.localhost", "127.0.0.1", "::1", "localhost", "a.test", ""])
def test_a_certificate_is_for_its_host_and_for_this_machine(host: str) -> None:
    pair = local_certificate(host)
    names = [host or "localhost", "localhost", "127.0.0.1", "::1"]
    now = int(time.time())
    over = (now, now + 396 * DAY)
    assert worker.check_issued(pair, kept_authority().certificate, names, over) is None
    too_long = (now, now + 398 * DAY)
    assert worker.check_issued(pair, kept_authority().certificate, names, too_long) is not None


def test_one_for_every_address_names_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaves, "local_addresses", lambda: ["192.168.7.7", "8.8.8.8", "127.0.0.1"])
    monkeypatch.setattr(leaves.socket, "gethostname", lambda: "Box")
    pair = local_certificate("0.0.0.0")
    over = (int(time.time()), int(time.time()))
    names = ["localhost", "192.168.7.7", "box.local"]
    assert worker.check_issued(pair, kept_authority().certificate, names, over) is None


def test_a_certificate_is_renewed_a_month_before_its_end(later) -> None:
    first = local_certificate("localhost")
    later(366)
    assert local_certificate("localhost") == first
    later(368)
    assert local_certificate("localhost") != first


def test_an_authority_is_renewed_a_month_before_its_end_and_that_is_told(later, capsys) -> None:
    leaf, first = local_certificate("localhost"), kept_authority()
    assert "there is a new authority" in capsys.readouterr().err
    later(3619)
    assert kept_authority() == first
    assert capsys.readouterr().err == ""
    later(3621)
    assert local_certificate("localhost") != leaf
    assert "there is a new authority" in capsys.readouterr().err
    assert kept_authority().certificate != first.certificate


def test_expired_certificates_are_not_kept(home: Path) -> None:
    local_certificate("old.localhost")
    (old,) = home.glob("leaf-*")
    long_ago = time.time() - 398 * DAY
    os.utime(old, (long_ago, long_ago))
    local_certificate("new.localhost")
    assert not old.exists()
    assert len(list(home.glob("leaf-*"))) == 1


def test_a_damaged_certificate_is_made_anew(home: Path) -> None:
    first = local_certificate("localhost")
    (path,) = home.glob("leaf-*")
    path.write_bytes(path.read_bytes()[:500])
    second = local_certificate("localhost")
    assert second not in (first, local_certificate("a.localhost"))
    assert second == local_certificate("localhost")


@pytest.mark.parametrize("damage", [b"", b"nonsense", "leaf"])
def test_a_damaged_authority_is_told_and_not_replaced(home: Path, damage: bytes | str) -> None:
    certificate, key = local_certificate("localhost")
    (home / "authority.pem").write_bytes(damage if isinstance(damage, bytes) else key + certificate)
    with pytest.raises(EnvironmentProblem, match="damaged") as caught:
        kept_authority()
    assert "remove that folder" in caught.value.hints[0]


def test_the_public_file_is_written_again_if_it_is_gone(home: Path) -> None:
    made = kept_authority()
    (home / "authority.crt").unlink()
    assert kept_authority() == made
    assert (home / "authority.crt").read_bytes() == made.certificate


@pytest.mark.parametrize("home_variable", [None, "/dev/null/home"])
def test_without_a_folder_there_is_one_for_the_process_and_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home_variable: str | None
) -> None:
    monkeypatch.delenv("HOME")
    if home_variable:
        monkeypatch.setenv("HOME", home_variable)
    with pytest.raises(UnusableFolderError):
        kept_authority()
    pair = local_certificate("localhost")
    assert "of an authority that goes with it" in capsys.readouterr().err
    over = (int(time.time()), int(time.time()))
    trusted = authority.temporary_authority().certificate
    assert worker.check_issued(pair, trusted, ["localhost"], over) is None
    assert local_certificate("localhost") == pair
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a folder of somebody else's")
def test_root_leaves_nothing_in_the_home_of_somebody_else(home: Path) -> None:
    os.chown(home.parents[3], 12345, 12345)
    with pytest.raises(UnusableFolderError, match="belongs to another user"):
        kept_authority()
    assert not home.exists()


@pytest.mark.parametrize("host", ["example.com", "8.8.8.8", "box"])
def test_it_signs_for_nobody_else(host: str) -> None:
    with pytest.raises(UsageError, match=f"no certificate for `{host}`"):
        local_certificate(host)


def test_it_is_what_the_certificate_local_means() -> None:
    found = certificates.load_identity(certificates.LOCAL, None, host="localhost")
    assert found is not None
    assert (found.certificate, found.key) == local_certificate("localhost")
