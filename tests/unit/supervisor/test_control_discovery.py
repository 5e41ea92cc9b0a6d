"""Where control sockets may lie, which there are, and what is said of the wrong number of them."""

import json
import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from uncork.errors import AppError, EnvironmentProblem, UsageError
from uncork.settings import RuntimeFolder, runtime_folders
from uncork.supervisor.control import client as client_module
from uncork.supervisor.control import discovery
from uncork.supervisor.control.client import connect
from uncork.supervisor.control.discovery import places_on_this_machine, the_server
from uncork.supervisor.control.lines import (
    PROTOCOL,
    error_line,
    read_answer,
    read_request,
    request_line,
    result_line,
)
from uncork.supervisor.control.places import Place, default_places
from uncork.supervisor.status import ServerStatus

TABLE = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 11 @uncork/control/4121
0000000000000000: 00000003 00000000 00000000 0001 03 12 @uncork/control/4121
0000000000000000: 00000002 00000000 00010000 0001 01 13 /run/hello/uncork-4130.sock
0000000000000000: 00000002 00000000 00010000 0001 01 14 /run/he llo/uncork-1-ab12cd.sock
0000000000000000: 00000002 00000000 00010000 0001 01 15 /run/hello/hello.sock
0000000000000000: 00000002 00000000 00010000 0001 01 16 @/tmp/.X11-unix/X0
0000000000000000: 00000002 00000000 00010000 0001 01 17
0000000000000000: 00000002 00000000 00010000 0001 01 18 @uncork/control/x
"""


@pytest.fixture
def nowhere(monkeypatch):
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


@pytest.fixture
def short():
    with TemporaryDirectory() as folder:
        yield Path(folder)


def test_the_kernel_s_list_is_read(tmp_path, nowhere):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "unix").write_text(TABLE)
    assert [place.text for place in places_on_this_machine(proc=tmp_path)] == [
        "@uncork/control/4121",
        "/run/hello/uncork-4130.sock",
        "/run/he llo/uncork-1-ab12cd.sock",
    ]


def test_without_that_list_the_usual_folders_are_looked_into(tmp_path, monkeypatch, nowhere):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    (tmp_path / "uncork-12.sock").touch()
    (tmp_path / "other.sock").touch()
    assert [place.text for place in places_on_this_machine(proc=tmp_path / "none")] == [
        str(tmp_path / "uncork-12.sock")
    ]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"RUNTIME_DIRECTORY": "/run/a:/run/b"}, [RuntimeFolder(Path("/run/a"), False)]),
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, [RuntimeFolder(Path("/run/user/7/uncork"), True)]),
        ({"XDG_RUNTIME_DIR": "run", "RUNTIME_DIRECTORY": ""}, []),
    ],
)
def test_the_runtime_folders_are_those_of_the_environment(environ, expected):
    assert runtime_folders(environ) == expected


def test_the_places_are_tried_from_the_best_to_none(short, monkeypatch, nowhere):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(short))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    pid = os.getpid()
    assert [place.text for place in default_places()][:2] == [
        f"{short}/uncork-{pid}.sock",
        f"{short}/uncork/uncork-{pid}.sock",
    ]
    assert [place.text for place in default_places()][2:] in ([f"@uncork/control/{pid}"], [])


def test_a_path_that_is_too_long_is_no_place(short, monkeypatch, nowhere):
    folder = short / ("x" * 100)
    folder.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
    assert all(place.is_abstract for place in default_places())


def test_the_session_of_somebody_else_is_no_place(short, monkeypatch, nowhere):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    assert all(place.is_abstract for place in default_places())
    assert list(short.iterdir()) == []


def test_a_request_and_an_answer_come_back_as_they_were():
    request = read_request(request_line("scale", {"workers": 2}))
    assert (request.command, request.arguments) == ("scale", {"workers": 2})
    assert read_answer(result_line({"a": 1})) == {"a": 1}


def test_an_error_comes_back_as_it_was():
    with pytest.raises(AppError) as raised:
        read_answer(error_line(AppError("x", cause="y", details="z", hints=("h",))))
    assert str(raised.value) == "error: x\nz\ncause: y\nhint: h"


def test_a_usage_error_of_the_server_s_comes_back_too():
    with pytest.raises(UsageError, match="bad value"):
        read_answer(error_line(UsageError("bad value")))


def test_a_newer_server_is_told_from_an_older_one():
    with pytest.raises(EnvironmentProblem, match="newer make"):
        read_answer(json.dumps({"uncork": PROTOCOL + 1, "result": {}}).encode())


@pytest.mark.parametrize(
    "line", [b"x", b"[]", b"{}", b'{"uncork": 1}', b'{"uncork": 1, "error": 3}']
)
def test_what_is_no_answer_is_told_so(line):
    with pytest.raises(EnvironmentProblem, match="could not be read"):
        read_answer(line)


@contextmanager
def somebody(path: Path, says: bytes):
    """Listens, and says the same to everybody."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer():
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(says)

    thread = threading.Thread(target=answer)
    thread.start()
    yield Place.of_file(path)
    thread.join(5)
    listener.close()


def test_somebody_who_is_not_uncork_is_told_so(short):
    with (
        somebody(short / "a", b"HTTP/1.1 400 Bad Request\r\n\r\n") as place,
        connect(place) as client,
        pytest.raises(EnvironmentProblem, match="could not be read"),
    ):
        client.status()


def test_a_server_that_closes_the_connection_has_gone(short):
    with (
        somebody(short / "a", b"") as place,
        connect(place) as client,
        pytest.raises(EnvironmentProblem, match="the server has gone"),
    ):
        client.status()


def test_a_server_that_says_nothing_is_given_up(short):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short / "a"))
    listener.listen()
    with (
        listener,
        connect(Place.of_file(short / "a"), timeout_seconds=0.05) as client,
        pytest.raises(EnvironmentProblem, match="does not answer"),
    ):
        client.status()


def test_a_server_of_another_user_is_not_trusted(short, monkeypatch):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short / "a"))
    listener.listen()
    monkeypatch.setattr(client_module.os, "geteuid", lambda: 4242)
    monkeypatch.setattr(
        client_module, "peer_of", lambda _: client_module.Peer(user=4243, process=1)
    )
    with listener, pytest.raises(EnvironmentProblem, match="may not be asked"):
        connect(Place.of_file(short / "a"))


def server(pid, app, folder="/srv"):
    status = ServerStatus(
        version="1",
        pid=pid,
        app=app,
        origin=None,
        folder=folder,
        state="serving",
        started_at=0.0,
        uptime_seconds=0.0,
        generation=1,
        workers_wanted=1,
        workers_reason="",
    )
    return discovery.FoundServer(Place(f"@{pid}"), status)


@pytest.fixture
def found(monkeypatch):
    """Pretends that the servers that the test names run; gives the places that are connected to."""

    def pretend(*servers, refused=0):
        connected = []
        result = discovery.Discovery(servers, refused, ())
        monkeypatch.setattr(discovery, "discover", lambda: result)
        monkeypatch.setattr(discovery, "connect", lambda place: connected.append(place.text))
        return connected

    return pretend


def test_the_only_server_need_not_be_named(found):
    connected = found(server(7, "hello:app"))
    the_server(None, None)
    assert connected == ["@7"]


@pytest.mark.parametrize("name", ["8", "other:app", "other"])
def test_one_of_several_is_named_by_its_process_or_its_app(found, name):
    connected = found(server(7, "hello:app"), server(8, "other:app"))
    the_server(name, None)
    assert connected == ["@8"]


def test_of_several_the_one_of_this_folder_is_meant(found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    connected = found(server(7, "hello:app"), server(8, "hello:app", str(tmp_path)))
    the_server(None, None)
    the_server("hello", None)
    assert connected == ["@8", "@8"]


def test_several_are_listed(found):
    found(server(7, "hello:app"), server(8, "hello:app"))
    for name in (None, "hello:app"):
        with pytest.raises(UsageError) as raised:
            the_server(name, None)
        assert (
            raised.value.cause == "there are 2:\n  7  `hello:app` in /srv\n  8  `hello:app` in /srv"
        )


def test_a_name_that_none_has_is_told_with_those_there_are(found):
    found(server(7, "hello:app"))
    with pytest.raises(EnvironmentProblem) as raised:
        the_server("9", None)
    assert raised.value.what == "no server `9` was found"
    assert raised.value.cause == "there is:\n  7  `hello:app` in /srv"


def test_servers_of_others_are_counted(found):
    found(refused=2)
    with pytest.raises(EnvironmentProblem) as raised:
        the_server(None, None)
    assert raised.value.cause == (
        "there are 2 servers of another user, which only root and that user may ask"
    )
