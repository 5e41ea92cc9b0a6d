"""`uncork health`, the health check of a container."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate
from tests.support.live_server import LiveServer, run_uncork

pytestmark = pytest.mark.slow

APP = """\
import time

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        time.sleep(60)
    status = {"/": "200 OK", "/ill": "500 Internal Server Error"}.get(path, "404 Not Found")
    start_response(status, [("Content-Type", "text/plain")])
    return [environ["HTTP_HOST"].encode()]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def test_a_server_that_answers_is_well(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        ended = run_uncork("health", "--url", f"{server.url}/", directory=folder)
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert ended.stdout.startswith(f"{server.url}/ is well: 200 OK after ")
        assert run_uncork("health", "--url", f"{server.url}/no", directory=folder).exit_code == 0


def test_the_addresses_are_those_of_the_settings(folder: Path) -> None:
    path = folder / "hello.sock"
    port = free_port()
    binds = [f"0.0.0.0:{port}", f"unix:{path}"]
    with LiveServer("hello:app", directory=folder, sockets=0, binds=binds):
        env = {"UNCORK_BIND": ",".join(binds)}
        ended = run_uncork("health", directory=folder, env=env)
        assert ended.exit_code == 0, ended.stderr
        shown = [line.partition(" is well")[0] for line in ended.stdout.splitlines()]
        assert shown == [f"http://127.0.0.1:{port}/", f"unix:{path} /"]
        env_of_port = {"PORT": str(port)}
        assert run_uncork("health", directory=folder, env=env_of_port).exit_code == 0
        ill = {**env_of_port, "UNCORK_HEALTH_PATH": "/ill"}
        assert run_uncork("health", directory=folder, env=ill).exit_code == 1
        path.unlink()
        ended = run_uncork("health", directory=folder, env=env)
        assert ended.exit_code == 1
        assert f"error: `unix:{path} /` is not well\ncause: no such file" in ended.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port


def test_tls_is_spoken_where_the_settings_have_it(folder: Path) -> None:
    made = make_certificate(folder)
    files = (f"--cert={made.certificate}", f"--key={made.key}")
    binds = [f"127.0.0.1:{free_port()}"]
    arguments = ("hello:app", *files)
    with LiveServer(*arguments, directory=folder, sockets=0, binds=binds, is_tls=True):
        ended = run_uncork("health", *files, f"--bind={binds[0]}", directory=folder)
        assert ended.exit_code == 0, ended.stderr
        assert ended.stdout.startswith("https://127.0.0.1:")
        ended = run_uncork("health", f"--bind={binds[0]}", directory=folder)
        assert ended.exit_code == 1


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/ill", "the answer was 500 Internal Server Error"),
        ("/slow", "there was no answer within 0.2 s"),
    ],
)
def test_a_server_that_is_ill_is_told_with_the_reason(folder: Path, path: str, cause: str) -> None:
    arguments = ("hello:app", "--graceful-timeout=0")
    with LiveServer(*arguments, directory=folder) as server:
        url = f"{server.url}{path}"
        started = time.monotonic()
        ended = run_uncork("health", "--url", url, "--timeout=200ms", directory=folder)
        assert time.monotonic() - started < 5
        assert ended.exit_code == 1
        assert ended.stderr.startswith(f"error: `{url}` is not well\ncause: {cause}\n")


def test_a_server_that_is_not_there_is_told(folder: Path) -> None:
    ended = run_uncork("health", f"--bind=127.0.0.1:{free_port()}", directory=folder)
    assert ended.exit_code == 1
    assert "cause: connection refused\nhint: if the server listens elsewhere" in ended.stderr


def test_what_is_no_server_of_http_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.settimeout(0.01)
        ended = run_uncork("health", "--url", url, "--timeout=100ms", directory=folder)
        assert ended.exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url=127.0.0.1"],
        ["--url=ftp://127.0.0.1/"],
        ["--url=http://127.0.0.1:99999/"],
        ["--bind=fd://3"],
        ["--bind=127.0.0.1:0"],
        ["--path=healthz"],
        ["--timeout=soon"],
        ["--timeout=0"],
    ],
)
def test_what_cannot_be_asked_is_a_mistake_of_whoever_asks(
    folder: Path, arguments: list[str]
) -> None:
    ended = run_uncork("health", *arguments, directory=folder)
    assert ended.exit_code == 2
    assert ended.stderr.startswith("error: ")
    assert "hint: " in ended.stderr
