from __future__ import annotations

import fcntl
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from uncork.errors import EnvironmentProblem, UsageError
from uncork.settings import Bind
from uncork.supervisor import tcp_listeners, unix_listeners
from uncork.supervisor.listeners import ListenerOptions, Listeners

OPTIONS = ListenerOptions(backlog=16, unix_mode=0o600, unix_owner=None)
FREE = Bind("tcp", host="127.0.0.1", port=0)


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    with Listeners() as opened:
        yield opened


def unix(path: Path) -> Bind:
    return Bind("unix", path=str(path))


def ports(listeners: Listeners) -> list[int]:
    return [listener.socket.getsockname()[1] for listener in listeners]


def test_every_listener_listens_does_not_block_and_is_closed_on_exec(
    listeners: Listeners, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as passed:
        passed.set_inheritable(True)
        inherited = Bind("fd", descriptor=os.dup(passed.fileno()))
    listeners.open([FREE, unix(tmp_path / "s"), inherited], OPTIONS)
    assert len(listeners.descriptors) == 3
    for listener in listeners:
        assert listener.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        assert not listener.socket.getblocking()
        assert not os.get_blocking(listener.socket.fileno())
        assert not listener.socket.get_inheritable()


def test_all_are_opened_or_none(listeners: Listeners, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        second = Bind("tcp", host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(EnvironmentProblem):
            listeners.open([unix(tmp_path / "s"), second], OPTIONS)
    assert not listeners.is_open
    assert not list(tmp_path.iterdir())


def test_the_same_address_twice_is_refused_but_port_0_is_not_an_address(
    listeners: Listeners,
) -> None:
    with pytest.raises(UsageError):
        listeners.open([Bind("tcp", host="127.0.0.1", port=9)] * 2, OPTIONS)
    listeners.open([FREE, FREE], OPTIONS)
    assert len(set(ports(listeners))) == 2


def two_addresses(name: str, port: int, **_: object) -> list[tuple[object, ...]]:
    return [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
        for host in ("127.0.0.1", "127.0.0.2", "127.0.0.1")
    ]


def test_port_0_is_one_port_on_every_address_of_a_name(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_listeners.socket, "getaddrinfo", two_addresses)
    listeners.open([Bind("tcp", host="twofold", port=0)], OPTIONS)
    assert [listener.socket.getsockname()[0] for listener in listeners] == [
        "127.0.0.1",
        "127.0.0.2",
    ]
    assert len(set(ports(listeners))) == 1


def test_a_name_below_localhost_is_this_machine_whatever_the_resolver_knows(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def knows_no_names(host: str, *arguments: object, **options: object) -> object:
        return real(host, *arguments, **{**options, "flags": socket.AI_NUMERICHOST})  # type: ignore[arg-type]

    monkeypatch.setattr(tcp_listeners.socket, "getaddrinfo", knows_no_names)
    listeners.open([Bind("tcp", host="shop.localhost", port=0)], OPTIONS)
    hosts = {listener.socket.getsockname()[0] for listener in listeners}
    assert "127.0.0.1" in hosts
    assert hosts <= {"127.0.0.1", "::1"}
    assert len(set(ports(listeners))) == 1


def test_an_address_of_a_name_that_is_not_here_is_passed_over_with_a_note(
    listeners: Listeners, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def addresses(name: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in ("198.51.100.7", "127.0.0.1")
        ]

    monkeypatch.setattr(tcp_listeners.socket, "getaddrinfo", addresses)
    listeners.open([Bind("tcp", host="mixed", port=0)], OPTIONS)
    assert len(listeners.descriptors) == 1
    assert "`mixed` also names `198.51.100.7`" in capsys.readouterr().err


def test_of_two_that_find_the_same_stale_socket_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    start = threading.Barrier(8)
    refusals: list[EnvironmentProblem] = []
    contenders = [Listeners() for _ in range(8)]

    def contend(listeners: Listeners) -> None:
        start.wait()
        try:
            listeners.open([unix(path)], OPTIONS)
        except EnvironmentProblem as refusal:
            refusals.append(refusal)

    threads = [threading.Thread(target=contend, args=(one,)) for one in contenders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.is_open for one in contenders) == 1
    assert len(refusals) == 7
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    for one in contenders:
        one.close()
    assert not path.exists()


def test_a_socket_that_is_bound_and_does_not_listen_yet_is_no_stale_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other, has_looked = tmp_path / "s", Listeners(), threading.Event()
    refusals: list[EnvironmentProblem] = []

    def contend() -> None:
        try:
            other.open([unix(path)], OPTIONS)
        except EnvironmentProblem as refusal:
            refusals.append(refusal)
        has_looked.set()

    contender = threading.Thread(target=contend)

    class FirstSocket(socket.socket):
        def listen(self, *backlog: int) -> None:
            if not contender.ident:
                contender.start()
                assert has_looked.wait(8.0)
            super().listen(*backlog)

    def flock(descriptor: int, how: int) -> None:
        try:
            real_flock(descriptor, how)
        except BlockingIOError:
            has_looked.set()
            raise

    real_flock = fcntl.flock
    monkeypatch.setattr(unix_listeners.fcntl, "flock", flock)
    monkeypatch.setattr(unix_listeners.socket, "socket", FirstSocket)
    with Listeners() as one:
        one.open([unix(path)], OPTIONS)
        contender.join()
        assert one.is_open
        assert not other.is_open
        assert len(refusals) == 1


def test_a_socket_whose_backlog_is_full_is_in_use(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(EnvironmentProblem, match="in use"):
            listeners.open([unix(path)], OPTIONS)


def test_a_datagram_socket_is_somebody_s_too(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(str(path))
        with pytest.raises(EnvironmentProblem):
            listeners.open([unix(path)], OPTIONS)
    assert path.exists()


def test_a_link_to_a_socket_is_not_a_socket(listeners: Listeners, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "real"))
    (tmp_path / "s").symlink_to(tmp_path / "real")
    with pytest.raises(EnvironmentProblem) as refusal:
        listeners.open([unix(tmp_path / "s")], OPTIONS)
    assert "not a socket" in str(refusal.value)


def test_a_forked_child_leaves_the_file_to_its_parent(listeners: Listeners, tmp_path: Path) -> None:
    listeners.open([unix(tmp_path / "s")], OPTIONS)
    child = os.fork()
    if child == 0:
        listeners.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "s").exists()


def test_a_folder_that_somebody_keeps_locked_does_not_keep_a_server_from_starting(
    listeners: Listeners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uncork.supervisor.unix_listeners._LOCK_LOOKS", 2)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    listeners.open([unix(tmp_path / "s")], OPTIONS)
    os.close(descriptor)
    assert listeners.is_open
