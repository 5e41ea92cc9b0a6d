"""HTTPS at the desk: a client that believes the local authority, across reloads and restarts."""

from __future__ import annotations

import re
import socket
import ssl
from pathlib import Path

import pytest

from tests.support.dev_server import DevServer
from tests.support.live_server import run_uncork
from tests.support.raw_client import RawClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

APP = """\
from flask import Flask, request
app = Flask(__name__)
@app.get("/")
def home():
    return f"first by {request.scheme}"
if __name__ == "__main__":
    app.run(ssl_context="adhoc")
"""
_SECONDS = 25.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "hello.py").write_text(APP)
    return project


def environment(folder: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(folder.parent / "data")}


def strict_context(folder: Path) -> ssl.SSLContext:
    told = run_uncork("trust", "--path", directory=folder, env=environment(folder))
    context = ssl.create_default_context(cafile=told.stdout.strip())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def answer(server: DevServer, folder: Path, name: str = "localhost") -> tuple[str, bytes]:
    """What a client is answered that believes the authority only, and the certificate it saw."""
    plain = server.connect(timeout_seconds=_SECONDS)
    wrapped = strict_context(folder).wrap_socket(plain, server_hostname=name)
    seen = wrapped.getpeercert(binary_form=True)
    assert seen is not None
    with RawClient(wrapped) as client:
        return client.get("/").body.decode(), seen


@pytest.mark.parametrize(
    "arguments",
    [("hello:app", "--https"), ("hello:app", "--cert=adhoc"), ("hello.py", "--as=script")],
    ids=["https", "adhoc", "takeover"],
)
def test_the_certificate_stays_the_same_and_is_believed(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    with DevServer(*arguments, directory=folder, env=environment(folder)) as server:
        text, first = answer(server, folder)
        assert text == "first by https"
        assert f"https://127.0.0.1:{server.addresses[0][1]}" in server.log()
        assert "`uncork trust` says how" in server.log()
        (folder / "hello.py").write_text(APP.replace("first by", "then by"))
        server.wait_for(
            lambda: answer(server, folder)[0] == "then by https", "the change was served"
        )
        assert answer(server, folder)[1] == first
    with DevServer(*arguments, directory=folder, env=environment(folder)) as server:
        assert answer(server, folder, "127.0.0.1") == ("then by https", first)
        assert "uncork trust" not in server.log()


class NamedServer(DevServer):
    """One that listens on a name; connects to it as a browser does, which knows where that is."""

    def wait_until_ready(self) -> None:
        url = re.compile(r"https?://[a-z.]+\.localhost:(\d+)")
        self.wait_for(lambda: url.search(self.log()) is not None, "the URL was shown")
        found = url.search(self.log())
        assert found is not None
        self.addresses = [("127.0.0.1", int(found[1]))]


def test_a_name_below_localhost_is_listened_on_shown_and_certified(folder: Path) -> None:
    flags = ("--host=shop.localhost", "--https")
    with NamedServer("hello:app", *flags, directory=folder, env=environment(folder)) as server:
        for name in ("shop.localhost", "a.shop.localhost"):
            assert answer(server, folder, name)[0] == "first by https"


def test_https_can_be_set_in_the_environment_and_in_the_file(folder: Path) -> None:
    env = {**environment(folder), "UNCORK_DEV_HTTPS": "1"}
    with DevServer("hello:app", directory=folder, env=env) as server:
        assert answer(server, folder)[0] == "first by https"
    (folder / "uncork.toml").write_text("[dev]\nhttps = true\n")
    with DevServer("hello:app", directory=folder, env=environment(folder)) as server:
        assert answer(server, folder)[0] == "first by https"


def test_without_a_place_for_the_authority_it_is_served_all_the_same(folder: Path) -> None:
    (folder.parent / "data").touch()
    with DevServer("hello:app", "--https", directory=folder, env=environment(folder)) as server:
        assert "of an authority that goes with it" in server.log()
        seen = ssl.get_server_certificate(server.addresses[0])
        (folder / "hello.py").write_text(APP.replace("first by", "then by"))
        server.wait_for_log("hello.py changed")
        assert ssl.get_server_certificate(server.addresses[0]) == seen


def test_a_name_that_is_not_local_is_refused(folder: Path) -> None:
    name = socket.gethostname()
    try:
        with socket.create_server((name, 0)):
            pass
    except OSError:
        pytest.skip("this machine does not know its own name")
    finished = run_uncork(
        *("dev", "hello:app", "--https", f"--host={name}"),
        directory=folder,
        env=environment(folder),
    )
    assert finished.exit_code == 2
    assert finished.stderr.count("error:") == 1
    assert f"signs no certificate for `{name}`" in finished.stderr
