"""What a person reads when `uncork serve` can't start: short, with the next step in it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.support.live_server import Finished, run_uncork

APP = """\
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""
MOST_LINES = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(APP)
    tmp_path.chmod(0o755)
    return tmp_path


def refused(finished: Finished, exit_code: int) -> list[str]:
    """The lines of a refusal, after what holds for every one of them."""
    assert finished.exit_code == exit_code, finished.stderr
    assert finished.stdout == ""
    lines = finished.stderr.splitlines()
    assert len(lines) <= MOST_LINES, finished.stderr
    assert lines[0].startswith("error: "), finished.stderr
    assert "site-packages/click" not in finished.stderr
    assert "uncork/supervisor" not in finished.stderr
    return lines


@pytest.mark.slow
def test_a_taken_port_names_its_process_and_a_free_port(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = run_uncork("serve", "hello:app", f"--bind=127.0.0.1:{port}", directory=folder)
    lines = refused(finished, 4)
    assert lines[0] == f"error: could not listen on `127.0.0.1:{port}`: the address is in use"
    assert lines[1].startswith(f"cause: process {os.getpid()} (`")
    assert lines[1].endswith(f"`) is listening on `127.0.0.1:{port}`")
    assert lines[2].startswith("hint: stop it, or choose a port with `--bind 127.0.0.1:")


@pytest.mark.slow
def test_a_taken_port_is_told_before_the_app_is_loaded(folder: Path) -> None:
    (folder / "loud.py").write_text(f"print('loaded')\n{APP}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"--bind=127.0.0.1:{taken.getsockname()[1]}"
        refused(run_uncork("serve", "loud:app", bind, directory=folder), 4)


@pytest.mark.slow
def test_an_address_covered_by_a_wildcard_names_the_wildcard(folder: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        finished = run_uncork("serve", "hello:app", f"--bind=127.0.0.1:{port}", directory=folder)
    assert f"is listening on `0.0.0.0:{port}`" in refused(finished, 4)[1]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs a process that another user may not look into")
def test_a_taken_port_says_so_when_it_may_not_look_who_has_it(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"--bind=127.0.0.1:{taken.getsockname()[1]}"
        finished = run_uncork("serve", "hello:app", bind, directory=folder, as_nobody=True)
    assert refused(finished, 4)[1] == (
        "cause: a process that user `nobody` may not look into has it: `sudo ss -lpt` shows which"
    )


@pytest.mark.slow
def test_the_same_address_in_two_words_names_uncork_itself(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    binds = (f"--bind=127.0.0.1:{port}", f"--bind=0.0.0.0:{port}")
    lines = refused(run_uncork("serve", "hello:app", *binds, directory=folder), 4)
    assert lines[1].startswith("cause: uncork itself listens on `127.0.0.1:")


@pytest.mark.slow
def test_the_same_address_twice_is_a_slip_of_the_command_line(folder: Path) -> None:
    binds = ("--bind=127.0.0.1:4999", "--bind=127.0.0.1:4999")
    refused(run_uncork("serve", "hello:app", *binds, directory=folder), 2)


def privileged_port() -> int:
    start = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    first_free = int(start.read_text()) if start.exists() else 1024
    return 80 if first_free > 80 else 0


@pytest.mark.slow
@pytest.mark.skipif(not privileged_port(), reason="everybody may listen on port 80 here")
def test_port_80_without_the_right_to_it_names_the_three_ways(folder: Path) -> None:
    finished = run_uncork(
        "serve", "hello:app", "--bind=0.0.0.0:80", directory=folder, as_nobody=True
    )
    lines = refused(finished, 4)
    assert lines[0] == "error: could not listen on `0.0.0.0:80`: no permission"
    assert "CAP_NET_BIND_SERVICE" in lines[1]
    assert "`--bind 0.0.0.0:8080`" in lines[2]
    assert "AmbientCapabilities=" in lines[3]
    assert "setcap" in lines[3]
    assert "`.socket` unit" in lines[4]
    assert "net.ipv4.ip_unprivileged_port_start=80" in lines[4]


@pytest.mark.slow
def test_an_address_of_another_machine_lists_those_of_this_one(folder: Path) -> None:
    finished = run_uncork("serve", "hello:app", "--bind=198.51.100.7:8000", directory=folder)
    lines = refused(finished, 4)
    assert lines[0].endswith("`198.51.100.7:8000`: the address is not on this machine")
    assert "`127.0.0.1`" in lines[1]
    assert "`--bind 0.0.0.0:8000`" in lines[2]


@pytest.mark.slow
def test_an_unknown_host_name_is_told_as_such(folder: Path) -> None:
    finished = run_uncork("serve", "hello:app", "--bind=nowhere.invalid:8000", directory=folder)
    lines = refused(finished, 4)
    assert "`nowhere.invalid:8000`: the host name is" in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("unix:no/such/folder.sock", "there is no folder"),
        ("unix:hello.py", "something that is not a socket stands there"),
        ("fd://99", "no such descriptor was passed"),
        ("fd://0", "it is a device, not a socket"),
        ("unix:/proc/x.sock", "could not listen on `unix:/proc/x.sock`"),
    ],
)
def test_a_place_that_can_be_no_listener_is_refused(folder: Path, bind: str, expected: str) -> None:
    finished = run_uncork("serve", "hello:app", f"--bind={bind}", directory=folder)
    assert expected in "\n".join(refused(finished, 4))
    assert (folder / "hello.py").read_text() == APP


@pytest.mark.slow
def test_a_passed_socket_that_does_not_listen_is_refused(folder: Path) -> None:
    with socket.socket() as idle:
        number = idle.fileno()
        finished = run_uncork(
            "serve", "hello:app", f"--bind=fd://{number}", directory=folder, pass_fds=[number]
        )
    assert "it is a socket that is not listening" in refused(finished, 4)[1]


@pytest.mark.slow
def test_a_folder_without_permission_is_named(folder: Path) -> None:
    folder.chmod(0o555)
    finished = run_uncork(
        "serve", "hello:app", "--bind=unix:x.sock", directory=folder, as_nobody=True
    )
    lines = refused(finished, 4)
    assert lines[0].endswith("no permission")
    assert f"may not write in `{folder}`" in lines[1]


@pytest.mark.slow
def test_an_owner_who_does_not_exist_is_a_wrong_setting(folder: Path) -> None:
    arguments = ("--bind=unix:x.sock", "--unix-owner=nosuchuser:nosuchgroup")
    lines = refused(run_uncork("serve", "hello:app", *arguments, directory=folder), 2)
    assert lines[0] == "error: there is no user `nosuchuser` on this machine"
    assert not (folder / "x.sock").exists()


@pytest.mark.slow
def test_only_root_may_give_a_socket_away(folder: Path) -> None:
    folder.chmod(0o777)
    arguments = ("--bind=unix:x.sock", "--unix-owner=root")
    finished = run_uncork("serve", "hello:app", *arguments, directory=folder, as_nobody=True)
    refused(finished, 4)
    assert not (folder / "x.sock").exists()


@pytest.mark.slow
def test_a_certificate_of_the_script_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "script.py").write_text(
        "from flask import Flask\n"
        "app = Flask('hello')\n"
        "if __name__ == '__main__':\n"
        "    app.run(port=0, ssl_context=('no.pem', 'no.key'))\n"
    )
    finished = run_uncork("serve", "script.py", directory=folder)
    assert refused(finished, 4)[0] == "error: could not read the certificate `no.pem`"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import no_such_module_anywhere\n", "No module named 'no_such_module_anywhere'"),
        ("def f(:\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "broken.py"),
        ("raise RuntimeError('out of order')\n", "out of order"),
        ("x = 1\n", "broken"),
    ],
)
def test_an_app_that_can_not_be_loaded_is_the_app_s_fault(
    folder: Path, source: str, expected: str
) -> None:
    (folder / "broken.py").write_text(source)
    finished = run_uncork("serve", "broken", "--bind=unix:x.sock", directory=folder)
    assert expected in "\n".join(refused(finished, 3))
    assert not (folder / "x.sock").exists()


@pytest.mark.slow
def test_a_thread_of_an_app_that_fails_to_load_does_not_keep_the_process(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), name='forever').start()\n"
        "raise RuntimeError('out of order')\n"
    )
    lines = refused(run_uncork("serve", "broken", directory=folder), 3)
    assert lines[-1] == "warning: not waiting any longer for `forever` to end"


@pytest.mark.slow
def test_an_app_that_does_not_exist_is_the_app_s_fault(folder: Path) -> None:
    refused(run_uncork("serve", "nosuch:app", "--bind=127.0.0.1:0", directory=folder), 3)


@pytest.mark.slow
def test_the_port_of_a_script_that_is_taken_is_told_though_the_script_catches_all(
    folder: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "script.py").write_text(
            "from wsgiref.simple_server import make_server\n"
            "import hello\n"
            "if __name__ == '__main__':\n"
            "    try:\n"
            f"        make_server('127.0.0.1', {port}, hello.app).serve_forever()\n"
            "    except Exception:\n"
            "        pass\n"
        )
        finished = run_uncork("serve", "script.py", directory=folder)
    assert refused(finished, 4)[0].endswith("the address is in use")


@pytest.mark.slow
def test_a_script_that_only_answers_help_is_no_failure(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import argparse, hello\n"
        "from wsgiref.simple_server import make_server\n"
        "if __name__ == '__main__':\n"
        "    argparse.ArgumentParser(description='What it does').parse_args()\n"
        "    make_server('127.0.0.1', 0, hello.app).serve_forever()\n"
    )
    finished = run_uncork("serve", "script.py", "--", "--help", directory=folder)
    assert (finished.exit_code, finished.stderr) == (0, "")
    assert "What it does" in finished.stdout
