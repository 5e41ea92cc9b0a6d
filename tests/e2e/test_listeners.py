"""Where a server listens, and that nothing of it is left when it has gone."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import stat
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer, run_uncork
from tests.support.raw_client import RawClient

pytestmark = pytest.mark.slow

APP = """\
def app(environ, start_response):
    body = environ["SERVER_NAME"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    return tmp_path


def status_at(host: str, port: int, *, family: socket.AddressFamily = socket.AF_INET) -> int:
    connection = socket.socket(family)
    connection.settimeout(5)
    connection.connect((host, port))
    with RawClient(connection) as client:
        return client.get().status


def announced_port(server: LiveServer) -> int:
    return int(server.announced_urls[0].rpartition(":")[2])


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")


def test_a_passed_listener_is_served(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server, server.client() as client:
        assert client.get().status == 200
        assert server.announced_urls == [server.url]


def test_several_addresses_of_every_kind_are_served_at_once(folder: Path) -> None:
    path = folder / "hello.sock"
    binds = (f"unix:{path}", "127.0.0.1:0")
    with LiveServer("hello:app", directory=folder, sockets=2, binds=binds) as server:
        for host, port in server.addresses:
            assert status_at(host, port) == 200
        with RawClient(server.connect_unix()) as client:
            assert client.get().status == 200
        assert f"unix:{path}" in server.log()
        own_port = int(server.announced_urls[-1].rpartition(":")[2])
        assert status_at("127.0.0.1", own_port) == 200


def test_port_0_is_announced_as_the_port_that_it_became(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, sockets=0, binds=["127.0.0.1:0"]) as server:
        assert announced_port(server) > 0
        assert status_at("127.0.0.1", announced_port(server)) == 200


@needs_ipv6
def test_an_ipv6_address_is_served_and_announced_in_brackets(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, sockets=0, binds=["[::1]:0"]) as server:
        assert re.fullmatch(r"http://\[::1\]:\d+", server.announced_urls[0])
        assert status_at("::1", announced_port(server), family=socket.AF_INET6) == 200


@needs_ipv6
def test_every_ipv6_address_leaves_the_ipv4_port_free(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, sockets=0, binds=["[::]:0"]) as server:
        assert "on every IPv6 address" in server.log()
        port = int(re.findall(r":(\d+) \(on every", server.log())[0])
        socket.create_server(("127.0.0.1", port)).close()


def test_every_address_is_announced_by_a_real_one(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, sockets=0, binds=["0.0.0.0:0"]) as server:
        assert "0.0.0.0" not in server.log()
        assert "(on every IPv4 address)" in server.log()
        match = re.search(r"http://([0-9.]+):(\d+)", server.log())
        assert match is not None
        assert status_at(match[1], int(match[2])) == 200
        assert status_at("127.0.0.1", int(match[2])) == 200


def test_a_host_name_is_served_on_all_its_addresses_and_announced_once(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, sockets=0, binds=["localhost:0"]) as server:
        assert len(server.announced_urls) == 1
        assert server.announced_urls[0].startswith("http://localhost:")
        for family, _, _, _, address in socket.getaddrinfo(
            "localhost", announced_port(server), type=socket.SOCK_STREAM
        ):
            if family == socket.AF_INET or has_ipv6():
                assert status_at(str(address[0]), int(address[1]), family=family) == 200


def test_a_port_is_free_again_at_once_after_a_stop(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, sockets=0, binds=["127.0.0.1:0"]) as server:
        port = announced_port(server)
        connection = socket.create_connection(("127.0.0.1", port))
        with RawClient(connection) as client:
            client.get()
            server.stop()  # the server closes first: its side goes to TIME_WAIT
    with LiveServer("hello:app", directory=folder, sockets=0, binds=[f"127.0.0.1:{port}"]):
        assert status_at("127.0.0.1", port) == 200


def test_a_listener_is_not_passed_on_to_programs_that_the_app_starts(folder: Path) -> None:
    (folder / "starts.py").write_text(
        "import subprocess\n"
        "import hello\n"
        "app = hello.app\n"
        "child = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
        "print('child', child.pid, flush=True)\n"
        "import atexit; atexit.register(child.wait); atexit.register(child.kill)\n"
    )
    path = folder / "x.sock"
    binds = [f"unix:{path}", "127.0.0.1:0"]
    with LiveServer("starts:app", directory=folder, binds=binds) as server:
        child = int(re.findall(r"child (\d+)", server.log())[0])
        links = [str(entry.readlink()) for entry in Path(f"/proc/{child}/fd").iterdir()]
        assert not [link for link in links if link.startswith("socket:")]


def test_a_gateway_at_a_unix_socket_may_ask_for_https(folder: Path) -> None:
    path = folder / "uncork.sock"
    with (
        LiveServer("hello:app", directory=folder, sockets=0, binds=[f"unix:{path}"]) as server,
        RawClient(server.connect_unix()) as client,
    ):
        assert client.get("https://example.com/").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_the_file_of_a_unix_socket_is_gone_after_every_stop(
    folder: Path, number: signal.Signals
) -> None:
    path = folder / "hello.sock"
    with LiveServer("hello:app", directory=folder, sockets=0, binds=[f"unix:{path}"]) as server:
        assert stat.S_ISSOCK(path.lstat().st_mode)
        server.stop(number)
        assert not path.exists()


def test_mode_and_owner_of_a_unix_socket_are_as_set(folder: Path) -> None:
    path = folder / "hello.sock"
    owner = ["--unix-owner=nobody:nogroup"] if os.geteuid() == 0 else []
    arguments = ("hello:app", "--unix-mode=0640", *owner)
    with LiveServer(*arguments, directory=folder, sockets=0, binds=[f"unix:{path}"]):
        status = path.lstat()
        assert stat.S_IMODE(status.st_mode) == 0o640
        if owner:
            assert (status.st_uid, status.st_gid) == (65534, 65534)


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    path = folder / "hello.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    with (
        LiveServer("hello:app", directory=folder, sockets=0, binds=[f"unix:{path}"]) as server,
        server.client() as client,
    ):
        assert client.get().status == 200


def test_a_socket_that_is_in_use_is_left_alone_and_its_owner_named(folder: Path) -> None:
    bind = f"unix:{folder / 'hello.sock'}"
    with LiveServer("hello:app", directory=folder, sockets=0, binds=[bind]) as server:
        second = run_uncork("serve", "hello:app", f"--bind={bind}", directory=folder)
        assert second.exit_code == 4
        assert f"`{bind}`: the socket is in use" in second.stderr
        assert f"process {server.pid} (`" in second.stderr
        with server.client() as client:
            assert client.get().status == 200


def test_a_socket_file_that_somebody_else_has_put_there_since_is_left(folder: Path) -> None:
    path = folder / "hello.sock"
    # Known to the server by another spelling, so that `LiveServer` does not expect it gone.
    bind = f"unix:{folder}/./hello.sock"
    with LiveServer("hello:app", directory=folder, sockets=0, binds=[bind]) as server:
        server.unix_paths.clear()
        path.unlink()
        path.write_text("not a socket")
        server.stop()
    assert path.read_text() == "not a socket"


def test_the_file_is_found_again_after_the_app_has_changed_its_folder(folder: Path) -> None:
    (folder / "moves.py").write_text("import os\nfrom hello import app\nos.chdir('/')\n")
    with LiveServer("moves:app", directory=folder, sockets=0, binds=["unix:moves.sock"]) as server:
        server.unix_paths[:] = [folder / "moves.sock"]
        with server.client() as client:
            assert client.get().status == 200


def test_a_server_without_root_s_rights_serves_and_cleans_up(folder: Path) -> None:
    folder.chmod(0o777)
    path = folder / "hello.sock"
    with LiveServer(
        "hello:app", directory=folder, binds=[f"unix:{path}", "127.0.0.1:0"], as_nobody=True
    ) as server:
        assert status_at("127.0.0.1", int(server.announced_urls[-1].rpartition(":")[2])) == 200
        with RawClient(server.connect_unix()) as client:
            assert client.get().status == 200


def test_a_certificate_made_at_the_start_is_served(folder: Path) -> None:
    with LiveServer("hello:app", "--cert=adhoc", directory=folder, is_tls=True) as server:
        assert server.announced_urls == [server.url]
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with RawClient(context.wrap_socket(server.connect())) as client:
            assert client.get().status == 200


def test_a_script_s_own_address_is_taken_when_none_is_set(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import sys\nfrom wsgiref.simple_server import make_server\nimport hello\n"
        "if __name__ == '__main__':\n"
        "    with make_server('127.0.0.1', int(sys.argv[1]), hello.app) as server:\n"
        "        server.serve_forever()\n"
        "    print('the script has ended')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ("script.py", "--", str(port))
    with LiveServer(*arguments, directory=folder, sockets=0) as server:
        assert announced_port(server) == port
        assert status_at("127.0.0.1", port) == 200
        server.stop()
        assert "the script has ended" in server.log()


def test_an_address_that_is_set_comes_before_the_script_s_own(folder: Path) -> None:
    (folder / "script.py").write_text(
        "from wsgiref.simple_server import make_server\nimport hello\n"
        "if __name__ == '__main__':\n"
        "    make_server('198.51.100.7', 80, hello.app).serve_forever()\n"
    )
    with LiveServer("script.py", directory=folder) as server, server.client() as client:
        assert client.get().status == 200
        assert server.announced_urls == [server.url]


def test_the_banner_has_four_lines_at_most_and_ends_with_ready(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder, as_nobody=True) as server:
        lines = server.log().splitlines()
    assert len(lines) <= 4
    assert lines[0].startswith("uncork ")
    assert "`hello:app`" in lines[0]
    assert lines[-1].startswith("ready")


def test_why_this_app_is_served_is_said_on_demand_only(folder: Path) -> None:
    with LiveServer("hello:app", directory=folder) as server:
        assert "as named" not in server.log()
    with LiveServer("hello:app", "--verbose", directory=folder) as server:
        assert "note: `hello:app`: imported, as named\n" in server.log()
