from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from uncork.supervisor.socket_owners import Found, tcp_owner, unix_owner

TCP_HEAD = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid inode\n"
)
UNIX_HEAD = "Num       RefCount Protocol Flags    Type St Inode Path\n"
ANY6 = "00000000000000000000000000000000"
LOOPBACK6 = "00000000000000000000000001000000"


def tcp_row(local: str, state: str, inode: int) -> str:
    return (
        f"   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0"
        f"        0 {inode} 1 0000 100 0 0 10 0\n"
    )


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A `/proc` with one process, 4121, that has the sockets 77 and 78 open."""
    (tmp_path / "net").mkdir()
    (tmp_path / "4121" / "fd").mkdir(parents=True)
    (tmp_path / "4121" / "fd" / "3").symlink_to("socket:[77]")
    (tmp_path / "4121" / "fd" / "4").symlink_to("socket:[78]")
    (tmp_path / "4121" / "cmdline").write_bytes(b"gunicorn\0hello:`app`\0")
    (tmp_path / "self").symlink_to("4121")
    (tmp_path / "net" / "tcp").write_text(
        TCP_HEAD
        + tcp_row("0100007F:1F40", "01", 76)  # a connection, not a listener
        + tcp_row("0100007F:1F40", "0A", 77)
        + tcp_row("00000000:1F41", "0A", 78)
        + tcp_row("00000000:1F42", "0A", 99)
    )
    (tmp_path / "net" / "tcp6").write_text(
        TCP_HEAD + tcp_row(f"{LOOPBACK6}:1F90", "0A", 77) + tcp_row(f"{ANY6}:1F91", "0A", 78)
    )
    (tmp_path / "net" / "unix").write_text(
        UNIX_HEAD
        + "0000: 00000003 00000000 00000000 0001 03 70 /run/x.sock\n"
        + "0000: 00000002 00000000 00010000 0001 01 77 /run/x.sock\n"
        + "0000: 00000002 00000000 00010000 0001 01 55\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("127.0.0.1", 8000, "127.0.0.1:8000"),
        ("0.0.0.0", 8000, "127.0.0.1:8000"),
        ("127.0.0.1", 8001, "0.0.0.0:8001"),
        ("::1", 8080, "[::1]:8080"),
        ("10.1.1.1", 8081, "[::]:8081"),  # without IPV6_V6ONLY it takes IPv4 too
    ],
)
def test_the_owner_of_an_address_or_of_one_that_covers_it(
    proc: Path, host: str, port: int, address: str
) -> None:
    found = tcp_owner(host, port, proc=proc)
    assert (found.process, found.command, found.address) == (4121, "gunicorn hello:'app'", address)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.2", 8000), ("127.0.0.1", 9), ("::2", 8080)])
def test_another_address_or_port_has_another_owner(proc: Path, host: str, port: int) -> None:
    assert tcp_owner(host, port, proc=proc).process is None


def test_a_socket_that_no_process_has_open_here_is_in_another_container(proc: Path) -> None:
    assert tcp_owner("127.0.0.1", 8002, proc=proc) == Found(address="0.0.0.0:8002")


def test_the_owner_of_a_unix_socket_is_its_listener(proc: Path) -> None:
    found = unix_owner("/run/x.sock", proc=proc)
    assert (found.process, found.is_tcp) == (4121, False)
    assert unix_owner("/run/y.sock", proc=proc).process is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["/srv/hello/.venv/bin/python3", "/srv/hello/.venv/bin/uncork", "serve", "hello:app"],
         "python3 uncork serve hello:app"),
        (["/usr/bin/python3", "-u", "/srv/hello.py", "--file", "/a/b"],
         "python3 -u hello.py --file /a/b"),
        (["python3", "-m", "http.server", "8000"], "python3 -m http.server 8000"),
        (["python3", "-c", "/x"], "python3 -c /x"),
        ([".venv/bin/python3.11", ".venv/bin/uncork"], "python3.11 uncork"),
        (["python3"], "python3"),
        (["/usr/bin/tail", "-f", "/var/log/syslog"], "tail -f /var/log/syslog"),
        (["nginx: master process /usr/sbin/nginx"], "nginx: master process /usr/sbin/nginx"),
    ],
)  # fmt: skip
def test_a_command_is_shown_without_the_folders_of_its_program(
    proc: Path, words: list[str], shown: str
) -> None:
    (proc / "4121" / "cmdline").write_bytes("\0".join([*words, ""]).encode())
    assert tcp_owner("127.0.0.1", 8000, proc=proc).command == shown


def test_a_long_command_is_cut_in_its_middle(proc: Path) -> None:
    words = ["python", *("x" * 100), "--bind", "127.0.0.1:8000"]
    (proc / "4121" / "cmdline").write_bytes("\0".join(words).encode())
    command = tcp_owner("127.0.0.1", 8000, proc=proc).command
    assert command.startswith("python x x")
    assert command.endswith("x --bind 127.0.0.1:8000")
    assert len(command) == 60


def test_unprintable_characters_of_a_command_are_shown_as_such(proc: Path) -> None:
    (proc / "4121" / "cmdline").write_bytes(b"python\0-c\0\x1b[31m")
    assert tcp_owner("127.0.0.1", 8000, proc=proc).command == "python -c ?[31m"


def test_a_machine_without_proc_has_no_owners(tmp_path: Path) -> None:
    assert tcp_owner("127.0.0.1", 8000, proc=tmp_path).process is None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc")
def test_the_kernel_s_own_tables_are_understood(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(str(tmp_path / "s"))
        unix.listen()
        assert tcp_owner("127.0.0.1", tcp.getsockname()[1]).process == os.getpid()
        assert unix_owner(str(tmp_path / "s")).process == os.getpid()
